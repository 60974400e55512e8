"""The codec against hand-made vectors, and against registers that nobody expects."""

from __future__ import annotations

import gc
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.points import POINTS
from contract.readings import Quality, Reading
from device_profiles.codec import CodecError, _compiled, decode, decode_text, encode, readings
from device_profiles.model import Field, Sum, Table, ValueType, WordOrder
from tests.device_profiles.helpers import field, image_of

F32_POINT = struct.unpack(">HH", struct.pack(">f", 230.5))
F64_POINT = struct.unpack(">HHHH", struct.pack(">d", -1234.5))

VECTORS = [
    # kind, word order, scale, words, value
    (ValueType.U16, WordOrder.BIG, 1, [0xFFFE], 65534),
    (ValueType.S16, WordOrder.BIG, 1, [0xFFFE], -2),
    (ValueType.S16, WordOrder.BIG, -1, [0xFFFE], 2),
    (ValueType.U16, WordOrder.BIG, 0.1, [3326], 332.6),
    (ValueType.U32, WordOrder.BIG, 1, [0x0001, 0x0002], 65538),
    (ValueType.U32, WordOrder.LITTLE, 1, [0x0001, 0x0002], 131073),
    (ValueType.S32, WordOrder.BIG, 1, [0xFFFF, 0xFF67], -153),
    (ValueType.S32, WordOrder.LITTLE, 1, [0xFF67, 0xFFFF], -153),
    (ValueType.S32, WordOrder.BIG, -0.001, [0xFFFF, 0xFF67], 0.153),
    (ValueType.U64, WordOrder.BIG, 1, [0, 0, 1, 0], 65536),
    (ValueType.U64, WordOrder.LITTLE, 1, [0, 1, 0, 0], 65536),
    (ValueType.S64, WordOrder.BIG, 1, [0xFFFF, 0xFFFF, 0xFFFF, 0xFFF6], -10),
    (ValueType.S64, WordOrder.LITTLE, 1, [0xFFF6, 0xFFFF, 0xFFFF, 0xFFFF], -10),
    (ValueType.F32, WordOrder.BIG, 1, list(F32_POINT), 230.5),
    (ValueType.F32, WordOrder.LITTLE, 2, list(reversed(F32_POINT)), 461),
    (ValueType.F64, WordOrder.BIG, 1, list(F64_POINT), -1234.5),
    (ValueType.F64, WordOrder.LITTLE, 1, list(reversed(F64_POINT)), -1234.5),
]


@pytest.mark.parametrize(("kind", "order", "scale", "words", "value"), VECTORS)
def test_words_and_value_are_two_ways_to_say_the_same(
    kind: ValueType, order: WordOrder, scale: float, words: list[int], value: float
) -> None:
    one = field(kind=kind, address=7, word_order=order, scale=scale)
    assert decode(one, image_of(7, words)) == Reading("battery.power_w", value)
    assert encode(one, value) == image_of(7, words)


def test_a_short_decimal_scale_gives_the_decimal_number_and_not_its_neighbour() -> None:
    for raw in range(0, 65535, 7):
        reading = decode(field("pv1.voltage_v", scale=0.1), image_of(0, [raw]))
        assert reading is not None
        assert reading.value is None or repr(reading.value) == f"{raw / 10}"


def test_an_offset_is_added_after_the_scale() -> None:
    one = field("battery.temperature_c", kind=ValueType.U16, scale=0.1, offset=-40)
    assert decode(one, image_of(0, [652])) == Reading("battery.temperature_c", pytest.approx(25.2))
    assert encode(one, 25.2) == image_of(0, [652])


@pytest.mark.parametrize(
    ("power", "raw", "value"), [(0, 500, 500), (2, 5, 500), (0xFFFE, 50000, 500), (0xFFFF, 1, 0.1), (10, 0, 0)]
)
def test_a_scale_factor_register_is_a_signed_power_of_ten(power: int, raw: int, value: float) -> None:
    one = field(scale_factor_address=1)
    assert decode(one, image_of(0, [raw, power])) == Reading("battery.power_w", value)
    assert encode(one, value, image_of(1, [power])) == image_of(0, [raw])


@pytest.mark.parametrize(
    ("power", "quality"),
    [
        (0x8000, Quality.NOT_AVAILABLE),
        (11, Quality.MALFORMED),
        (0xFFF5, Quality.MALFORMED),
        (0x7FFF, Quality.MALFORMED),
    ],
)
def test_an_impossible_scale_factor_gives_no_number(power: int, quality: Quality) -> None:
    one = field(scale_factor_address=1)
    assert decode(one, image_of(0, [500, power])) == Reading("battery.power_w", None, quality)
    with pytest.raises(CodecError, match="scale factor"):
        encode(one, 5, image_of(1, [power]))


def test_a_field_whose_register_was_not_read_gives_no_reading() -> None:
    assert decode(field(kind=ValueType.U32), image_of(0, [1])) is None
    assert decode(field(scale_factor_address=9), image_of(0, [1])) is None
    assert decode(field(kind=ValueType.U64), image_of(0, [1, 2, 3])) is None


@pytest.mark.parametrize("kind", [ValueType.F32, ValueType.F64])
def test_every_nan_is_not_available_and_infinity_is_out_of_range(kind: ValueType) -> None:
    pack = ">f" if kind is ValueType.F32 else ">d"
    for number, quality in ((math.nan, Quality.NOT_AVAILABLE), (math.inf, Quality.OUT_OF_RANGE)):
        raw = struct.pack(pack, number)
        words = [int.from_bytes(raw[n : n + 2], "big") for n in range(0, len(raw), 2)]
        reading = decode(field(kind=kind), image_of(0, words))
        assert reading == Reading("battery.power_w", None, quality)


def test_a_sentinel_is_compared_before_sign_and_bits() -> None:
    one = field(kind=ValueType.S16, sentinels=frozenset({0x8000}))
    assert decode(one, image_of(0, [0x8000])) == Reading("battery.power_w", None, Quality.NOT_AVAILABLE)
    bits = field("inverter.fault_bits", mask=0x0F, sentinels=frozenset({0xFFFF}))
    assert decode(bits, image_of(0, [0xFFFF])) == Reading("inverter.fault_bits", None, Quality.NOT_AVAILABLE)
    assert decode(bits, image_of(0, [0xFF])) == Reading("inverter.fault_bits", 15)


def test_a_number_that_no_device_can_report_has_no_number() -> None:
    one = field("battery.soc_pct")
    assert decode(one, image_of(0, [100])) == Reading("battery.soc_pct", 100)
    assert decode(one, image_of(0, [101])) == Reading("battery.soc_pct", None, Quality.OUT_OF_RANGE)


def test_bits_are_shifted_down_and_their_neighbours_survive_a_write() -> None:
    one = field("inverter.islanded", kind=ValueType.U32, mask=1 << 17)
    assert decode(one, image_of(0, [2, 0])) == Reading("inverter.islanded", 1)
    assert encode(one, 1, image_of(0, [0x0101, 0x8001])) == image_of(0, [0x0103, 0x8001])
    assert encode(one, 0, image_of(0, [0x0103, 0x8001])) == image_of(0, [0x0101, 0x8001])
    with pytest.raises(CodecError, match="does not fit"):
        encode(one, 2, image_of(0, [0, 0]))


def test_a_state_that_the_map_does_not_name_is_unknown() -> None:
    one = field("inverter.state", states={0x0200: 4, 0x0203: 7})
    assert decode(one, image_of(0, [0x0203])) == Reading("inverter.state", 7)
    assert decode(one, image_of(0, [0x7777])) == Reading("inverter.state", 0)


def test_writing_a_state_keeps_a_word_that_says_it_already() -> None:
    one = field("inverter.islanded", states={1: 0, 2: 1, 0: 0, 3: 0})
    assert encode(one, 0, image_of(0, [3])) == image_of(0, [3])
    assert encode(one, 0, image_of(0, [2])) == image_of(0, [1])
    assert encode(one, 1, image_of(0, [3])) == image_of(0, [2])


def test_a_state_without_a_word_is_written_as_the_nearest_or_as_unknown() -> None:
    inverter = field("inverter.state", states={4: 4, 1: 1})
    assert encode(inverter, 7) == image_of(0, [4])
    battery = field("battery.state", states={1: 2, 2: 0})
    assert encode(battery, 3) == image_of(0, [2])
    assert decode(inverter, encode(inverter, 6)) == Reading("inverter.state", 0)


def test_a_coil_is_0_or_1() -> None:
    one = field("tier1.closed", kind=ValueType.BIT, table=Table.COIL)
    assert decode(one, {(Table.COIL, 0): 1}) == Reading("tier1.closed", 1)
    assert encode(one, 0) == {(Table.COIL, 0): 0}
    with pytest.raises(CodecError):
        encode(one, 2)


def test_absolute_takes_the_sign_away() -> None:
    one = field("grid.export_energy_wh", kind=ValueType.S32, scale=10, absolute=True)
    assert decode(one, image_of(0, [0xFFFF, 0xFFF6])) == Reading("grid.export_energy_wh", 100)


class TestTerms:
    """Charge and discharge in registers of their own, as some hybrids show them."""

    ONE = field(kind=ValueType.U16, address=0, terms=((10, -1),), sentinels=frozenset({0xFFFF}))

    @pytest.mark.parametrize(
        ("discharge", "charge", "value"), [(500, 0, 500), (0, 700, -700), (0xFFFF, 700, -700), (500, 0xFFFF, 500)]
    )
    def test_parts_are_added_with_their_sign(self, discharge: int, charge: int, value: float) -> None:
        image = image_of(0, [discharge]) | image_of(10, [charge])
        assert decode(self.ONE, image) == Reading("battery.power_w", value)

    def test_no_part_available_is_not_available(self) -> None:
        image = image_of(0, [0xFFFF]) | image_of(10, [0xFFFF])
        assert decode(self.ONE, image) == Reading("battery.power_w", None, Quality.NOT_AVAILABLE)

    def test_a_part_that_was_not_read_gives_no_reading(self) -> None:
        assert decode(self.ONE, image_of(0, [5])) is None

    @pytest.mark.parametrize("value", [500, -700, 0])
    def test_a_value_goes_to_the_part_of_its_sign(self, value: float) -> None:
        image = encode(self.ONE, value)
        assert set(image.values()) == {0, abs(int(value))}
        assert decode(self.ONE, image) == Reading("battery.power_w", value)

    def test_not_available_is_written_to_every_part(self) -> None:
        assert set(encode(self.ONE, math.nan).values()) == {0xFFFF}


def test_texts_lose_their_padding_and_what_cannot_be_read() -> None:
    one = field("model", kind=ValueType.STRING, length=4)
    assert decode_text(one, image_of(0, [0x4142, 0x4300, 0x2020, 0])) == "ABC"
    assert decode_text(one, image_of(0, [0x0041, 0x0042, 0xFFFF, 0x0A43])) == "ABC"
    assert decode_text(one, image_of(0, [0, 0, 0, 0])) == ""
    assert decode_text(one, image_of(0, [0x4142])) is None
    assert decode_text(one, encode(one, "GW10K")) == "GW10K"
    for text in ("too long a text", "電池"):
        with pytest.raises(CodecError):
            encode(one, text)


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (field(), -1),
        (field(), 70000),
        (field(kind=ValueType.S16), 32768),
        (field(kind=ValueType.F32), 1e300),
        (field(), math.inf),
        (field(scale=0.1, offset=1.0), 1.7e308),
        (field(sentinels=frozenset({0xFFFF})), 0xFFFF),
        (field(), math.nan),
        (field(), "five"),
    ],
)
def test_a_value_that_the_registers_cannot_hold_is_refused(one: Field, value: float | str) -> None:
    with pytest.raises(CodecError, match=r"battery\.power_w"):
        encode(one, value)


def test_not_available_is_written_in_the_device_s_own_word() -> None:
    assert encode(field(sentinels=frozenset({0xFFFF})), math.nan) == image_of(0, [0xFFFF])
    for kind in (ValueType.F32, ValueType.F64):
        reading = decode(field(kind=kind), encode(field(kind=kind), math.nan))
        assert reading == Reading("battery.power_w", None, Quality.NOT_AVAILABLE)


def test_a_counter_at_zero_may_be_written_where_zero_means_not_implemented() -> None:
    one = field("pv.energy_wh", kind=ValueType.U32, sentinels=frozenset({0}))
    assert encode(one, 0) == image_of(0, [0, 0])


class TestSums:
    """A sum is good only when it is the whole sum."""

    FIELDS = tuple(field(f"pv{n}.power_w", n, sentinels=frozenset({0xFFFF})) for n in (1, 2, 3))
    SUMS = (Sum(point="pv.power_w", of=("pv1.power_w", "pv2.power_w", "pv3.power_w")),)

    def total(self, image: dict[tuple[Table, int], int]) -> Reading | None:
        return {r.point: r for r in readings(self.FIELDS, image, self.SUMS)}.get("pv.power_w")

    def test_members_are_added(self) -> None:
        assert self.total(image_of(1, [10, 20, 30])) == Reading("pv.power_w", 60)

    def test_a_tracker_that_does_not_exist_counts_as_nothing(self) -> None:
        assert self.total(image_of(1, [10, 0xFFFF, 30])) == Reading("pv.power_w", 40)

    def test_no_tracker_at_all_is_not_available(self) -> None:
        assert self.total(image_of(1, [0xFFFF] * 3)) == Reading("pv.power_w", None, Quality.NOT_AVAILABLE)

    def test_a_member_that_was_not_read_makes_the_sum_bad_and_not_smaller(self) -> None:
        assert self.total(image_of(1, [10, 20])) == Reading("pv.power_w", None, Quality.MISSING_INPUT)

    def test_nothing_read_gives_no_sum(self) -> None:
        assert self.total({}) is None


INTEGERS = [ValueType.U16, ValueType.S16, ValueType.U32, ValueType.S32, ValueType.U64, ValueType.S64]
words = st.integers(0, 0xFFFF)


@st.composite
def fields(draw: st.DrawFn) -> Field:
    kind = draw(st.sampled_from([*INTEGERS, ValueType.F32, ValueType.F64, ValueType.STRING]))
    bits = None
    if kind in INTEGERS[::2]:
        bits = draw(st.none() | st.integers(1, 0xFFFF))
    return field(
        draw(st.sampled_from(sorted(POINTS))),
        0,
        kind,
        word_order=draw(st.sampled_from(WordOrder)),
        scale=draw(st.sampled_from([1, -1, 0.1, 0.001, 10, 1 / 3, 73.6])),
        offset=draw(st.sampled_from([0, -40])),
        scale_factor_address=draw(st.sampled_from([None, 8])),
        sentinels=draw(st.frozensets(words, max_size=2)),
        absolute=draw(st.booleans()),
        mask=bits,
        terms=draw(st.sampled_from([(), ((4, -1),), ((4, 1),)])),
    )


@given(fields(), st.lists(words, min_size=9, max_size=9))
def test_random_registers_never_raise_and_never_give_an_implausible_number(one: Field, raw: list[int]) -> None:
    reading = decode(one, image_of(0, raw))
    assert reading is not None
    if reading.value is not None:
        assert POINTS[one.point].is_plausible(reading.value)


@given(
    st.sampled_from(INTEGERS),
    st.sampled_from(WordOrder),
    st.sampled_from([1, -1, 0.1, -0.01, 10]),
    st.sampled_from([None, 0, 2, 0xFFFE]),
    st.lists(words, min_size=4, max_size=4),
)
def test_what_was_decoded_encodes_to_the_same_registers(
    kind: ValueType, order: WordOrder, scale: float, power: int | None, raw: list[int]
) -> None:
    one = field(kind=kind, word_order=order, scale=scale, scale_factor_address=None if power is None else 9)
    image = image_of(0, raw[: one.width]) | image_of(9, [power or 0])
    reading = decode(one, image)
    assert reading is not None
    if reading.value is not None:
        assert encode(one, reading.value, image) == image_of(0, raw[: one.width])


@given(st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6))
def test_floats_keep_every_bit(value: float) -> None:
    one = field(kind=ValueType.F32)
    assert decode(one, encode(one, value)) == Reading("battery.power_w", value)


@given(fields(), st.floats() | st.integers(-(10**6), 10**6), st.lists(words, min_size=9, max_size=9))
def test_encoding_raises_nothing_but_its_own_error(one: Field, value: float, raw: list[int]) -> None:
    image = image_of(0, raw)
    try:
        found = encode(one, value if one.type is not ValueType.STRING else str(value), image)
    except CodecError:
        return
    assert all(0 <= word <= 0xFFFF for word in found.values())


def test_decoders_live_as_long_as_their_fields_and_no_longer() -> None:
    gc.collect()
    before = len(_compiled)
    fields = [field(address=n) for n in range(12_000)]  # 182 SunSpec shelters in one process.
    image = {(Table.HOLDING, n): n for n in range(12_000)}
    values = [reading.value for reading in readings(fields, image)]
    kept = dict(_compiled)
    assert [reading.value for reading in readings(fields, image)] == values
    assert _compiled == kept, "nothing is compiled twice"
    kept.clear()
    del fields
    gc.collect()
    assert len(_compiled) <= before + 1


def test_a_field_is_never_decoded_by_the_decoder_of_one_that_is_gone() -> None:
    image = image_of(0, [0, 5])
    for n in range(1_000):  # Each field dies before the next one is made, so its identity is used again.
        assert decode(field(kind=ValueType.U32, scale=n), image) == Reading("battery.power_w", 5 * n)
