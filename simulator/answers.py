"""Request → answer of the units behind one port, in pymodbus' messages. No I/O, no time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, cast

from pymodbus.constants import DeviceInformation, ExcCodes
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsResponse,
    ReadDiscreteInputsResponse,
    WriteMultipleCoilsResponse,
    WriteSingleCoilResponse,
)
from pymodbus.pdu.mei_message import ReadDeviceInformationRequest, ReadDeviceInformationResponse
from pymodbus.pdu.register_message import (
    MaskWriteRegisterRequest,
    MaskWriteRegisterResponse,
    ReadHoldingRegistersResponse,
    ReadInputRegistersResponse,
    ReadWriteMultipleRegistersRequest,
    ReadWriteMultipleRegistersResponse,
    WriteMultipleRegistersResponse,
    WriteSingleRegisterResponse,
)

from device_profiles.model import Table
from simulator.faults import FaultKind
from simulator.unit import (
    Identified,
    IllegalAddressError,
    IllegalFunctionError,
    IllegalValueError,
    NoAnswerError,
    Particular,
    Refusal,
    Unit,
)

_READS: Final = {1: Table.COIL, 2: Table.DISCRETE, 3: Table.HOLDING, 4: Table.INPUT}
_REGISTERS_MAX: Final = 125
_WRITTEN_MAX: Final = 123
_BITS_MAX: Final = 2000
_BASIC: Final = range(3)
_REGULAR: Final = range(0x80)


def answer(units: Mapping[int, Unit], request: ModbusPDU, missing_unit: int | None = None) -> ModbusPDU | None:
    """What goes back; None is silence. ``missing_unit`` is the exception code for a unit that does not exist."""
    unit = units.get(request.dev_id)
    try:
        if unit is None:
            if missing_unit is None:
                return None
            raise Refusal(missing_unit)
        if unit.fault is not None and unit.fault.kind is FaultKind.SILENT:
            return None
        if unit.fault is not None and unit.fault.kind is FaultKind.REFUSE:
            raise Refusal(ExcCodes.GATEWAY_NO_RESPONSE)
        made = _answered(unit, request)
    except NoAnswerError:
        return None
    except Refusal as refusal:
        made = ExceptionResponse(request.function_code, refusal.answered)
    return addressed(made, request.dev_id, request.transaction_id)


def addressed(made: ModbusPDU, unit: int, transaction: int) -> ModbusPDU:
    """The answer as that of a unit to a request."""
    made.dev_id, made.transaction_id = unit, transaction
    return made


def _answered(unit: Unit, request: ModbusPDU) -> ModbusPDU:
    handle = _HANDLERS.get(request.function_code)
    if handle is None:
        raise IllegalFunctionError
    return handle(unit, request)


def _read_bits(unit: Unit, request: ModbusPDU) -> ModbusPDU:
    table = _READS[request.function_code]
    bits = [bool(word) for word in _read(unit, table, request.address, request.count)]
    return ReadCoilsResponse(bits=bits) if table is Table.COIL else ReadDiscreteInputsResponse(bits=bits)


def _read_words(unit: Unit, request: ModbusPDU) -> ModbusPDU:
    table = _READS[request.function_code]
    words = _read(unit, table, request.address, request.count)
    response = ReadHoldingRegistersResponse if table is Table.HOLDING else ReadInputRegistersResponse
    return response(registers=words)


def _write_coil(unit: Unit, request: ModbusPDU) -> ModbusPDU:
    unit.write(Table.COIL, request.address, [int(request.bits[0])])
    return WriteSingleCoilResponse(address=request.address, bits=request.bits[:1])


def _write_register(unit: Unit, request: ModbusPDU) -> ModbusPDU:
    if isinstance(unit, Particular) and unit.wants_multiple:
        raise IllegalFunctionError
    unit.write(Table.HOLDING, request.address, request.registers)
    return WriteSingleRegisterResponse(address=request.address, registers=request.registers)


def _write_coils(unit: Unit, request: ModbusPDU) -> ModbusPDU:
    _check_count(request.count, len(request.bits), _BITS_MAX)
    unit.write(Table.COIL, request.address, [int(bit) for bit in request.bits[: request.count]])
    return WriteMultipleCoilsResponse(address=request.address, count=request.count)


def _write_registers(unit: Unit, request: ModbusPDU) -> ModbusPDU:
    _check_count(request.count, len(request.registers), _WRITTEN_MAX)
    unit.write(Table.HOLDING, request.address, request.registers[: request.count])
    return WriteMultipleRegistersResponse(address=request.address, count=request.count)


def _write_and_read(unit: Unit, request: ModbusPDU) -> ModbusPDU:
    both = cast("ReadWriteMultipleRegistersRequest", request)
    unit.write(Table.HOLDING, both.write_address, list(both.write_registers))
    words = _read(unit, Table.HOLDING, both.read_address, both.read_count)
    return ReadWriteMultipleRegistersResponse(registers=words)


def _read(unit: Unit, table: Table, at: int, count: int) -> list[int]:
    most = _BITS_MAX if table in {Table.COIL, Table.DISCRETE} else _REGISTERS_MAX
    _check_count(count, count, most)
    return unit.read(table, at, count)


def _check_count(count: int, given: int, most: int) -> None:
    if not 1 <= count <= most or given < count:
        raise IllegalValueError


def _mask(unit: Unit, request: ModbusPDU) -> ModbusPDU:
    mask = cast("MaskWriteRegisterRequest", request)
    word = unit.read(Table.HOLDING, mask.address, 1)[0]
    unit.write(Table.HOLDING, mask.address, [word & mask.and_mask | mask.or_mask & ~mask.and_mask & 0xFFFF])
    return MaskWriteRegisterResponse(mask.address, mask.and_mask, mask.or_mask)


def _identify(unit: Unit, request: ModbusPDU) -> ModbusPDU:
    objects = unit.objects if isinstance(unit, Identified) else {}
    if not objects or not isinstance(request, ReadDeviceInformationRequest):
        raise IllegalFunctionError
    if request.read_code == DeviceInformation.SPECIFIC:
        if request.object_id not in objects:
            raise IllegalAddressError
        wanted = {request.object_id: objects[request.object_id]}
    else:
        span = _BASIC if request.read_code == DeviceInformation.BASIC else _REGULAR
        first = request.object_id if request.object_id in objects else 0
        wanted = {number: text for number, text in sorted(objects.items()) if number in span and number >= first}
    return ReadDeviceInformationResponse(request.read_code, {n: text.encode("ascii") for n, text in wanted.items()})


_HANDLERS: Final[Mapping[int, Callable[[Unit, ModbusPDU], ModbusPDU]]] = {
    1: _read_bits,
    2: _read_bits,
    3: _read_words,
    4: _read_words,
    5: _write_coil,
    6: _write_register,
    15: _write_coils,
    16: _write_registers,
    22: _mask,
    23: _write_and_read,
    43: _identify,
}
"""What is done for each function code."""
