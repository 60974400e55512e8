"""What the simulator serves: a reference device of a family, as a map and as registers."""

from __future__ import annotations

from dataclasses import dataclass

from device_profiles.blocks import plan
from device_profiles.codec import Words, encode
from device_profiles.discover import discover, static_map
from device_profiles.load import Profile, load
from device_profiles.model import Block, DeviceMap, Discovery, Field, Image, Table
from device_profiles.sunspec_image import build_chain


@dataclass(frozen=True, slots=True)
class Template:
    """A reference device. Write points with ``encode(field, value, image)`` over a copy of ``image``.

    ``image`` holds every register that an edge reads, gaps inside requests included.
    """

    profile_id: str
    device_map: DeviceMap
    image: Words

    def field(self, name: str) -> Field:
        """The field of a point or register. Raises ``KeyError``."""
        for each in _fields_of(self.device_map):
            if each.point == name:
                return each
        raise KeyError(name)


def template(profile_id: str) -> Template:
    """The reference device of a profile."""
    profile = load(profile_id)
    image = _base_image(profile)
    device_map = run(discover(profile), image)
    _fill(image, device_map)
    for name, value in profile.reference.values.items():
        for each in _fields_of(device_map):
            if each.point == name:
                image.update(encode(each, value, image))
    return Template(profile_id, device_map, image)


def run(discovery: Discovery, image: Image) -> DeviceMap:
    """Discover a device whose registers are at hand; what is not in the image counts as refused."""
    try:
        block = next(discovery)
        while True:
            block = discovery.send(words_of(block, image))
    except StopIteration as end:
        found: DeviceMap = end.value
        return found


def words_of(block: Block, image: Image) -> tuple[int, ...] | None:
    """The words of a block, or None when one of them is not in the image."""
    words = tuple(image.get((block.table, at), -1) for at in range(block.start, block.end))
    return None if -1 in words else words


def _base_image(profile: Profile) -> Words:
    sunspec = profile.sunspec
    image: Words = {} if sunspec is None else build_chain(sunspec.bases[0], sunspec.chain)
    for table, registers in profile.reference.registers.items():
        image |= {(table, address): word for address, word in registers.items()}
    by_name = {each.point: each for each in profile.identity}
    for name, text in profile.reference.texts.items():
        image |= encode(by_name[name], text)
    _fill(image, static_map(profile))
    return image


def _fields_of(device_map: DeviceMap) -> tuple[Field, ...]:
    return (*device_map.fields, *(each.field for each in device_map.registers))


def _fill(image: Words, device_map: DeviceMap) -> None:
    """Zeroes wherever a request may read and nothing stands yet."""
    fields = (*_fields_of(device_map), *device_map.identity)
    for block in plan(fields, device_map.limits):
        for at in range(block.start, block.end):
            image.setdefault((Table(block.table), at), 0)
