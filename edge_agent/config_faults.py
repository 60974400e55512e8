"""Faults between the parts of a site file: what stands twice, and what does not go together.

They are looked for in the raw file, so that they are told together with the faults of each part.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Any, Final

import yaml

_JAPANESE: Final = (
    (r"unknown key, perhaps '(.+)'\?", "このキーはありません。{0} の間違いでは?"),
    (r"unknown key$", "このキーはありません。"),
    (r"missing$", "必須のキーがありません。"),
    (r"unknown profile '(.+?)', perhaps '(.+)'\?", "プロファイル {0} はありません。{1} の間違いでは?"),
    (r"unknown profile '(.+?)', want one of (.+) \(or", "プロファイル {0} はありません。候補: {1}"),
    (r"unknown point or group '(.+?)'", "項目 {0} はありません。"),
    (r"'(.+)' is no national shelter ID", "避難所の ID の形ではありません。例: E0000000001111"),
    (r"unit on this bus (.+) is there", "同じバスにユニット {0} が重複しています。機器ごとに別の番号に。"),
    (r"device id (.+) is there", "機器の id {0} が重複しています。"),
    (r"bus id (.+) is there", "バスの id {0} が重複しています。"),
    (r"address of a line (.+) is there", "同じ接続先 {0} が 2 つのバスにあります。1 つのバスの devices にまとめる。"),
    (r"is shorter than interval_s", "interval_s より短くできません。"),
    (r"want either tcp", "tcp、rtu、rtu_over_tcp のどれか 1 つを書く。"),
    (r"want at least one", "1 つ以上必要です。"),
    (r"want a mapping", "「キー: 値」の形で site、mqtt、buses を書く。"),
    (r"looks like the PIN", "PIN そのものではなく、PIN を書いたファイルの名前を書く。"),
    (
        r"city_keys wants a section steering",
        "steering: を書く(空でよい: {{}})。ないと市の指示では何も切り替わりません。",
    ),
    (r"steering names devices that the file does not have: (.+)", "steering にある {0} という機器がありません。"),
    (r"floor_pct is above", "floor_pct は reserve_pct 以下にする。"),
    (r"by_hand wants by_hand", "現場の人に見せる切替手順を by_hand: の ja と en に書く。"),
    (r"cert_file and key_file belong together", "cert_file と key_file は両方書くか、両方省く。"),
    (r"the id 'site' belongs", "id の site は使えません。"),
    (r"No such file or directory", "ファイルがありません。場所と名前を確認。"),
    (r"Permission denied", "読む権限がありません。所有者を確認するか sudo で。"),
    (r"Is a directory", "フォルダーです。YAML ファイルを指定。"),
    (r"full-width (.+), want (.+)$", "全角の {0} があります。半角の {1} に。"),
    (r"tab", "タブがあります。字下げは半角の空白で。"),
    (r"no closing bracket", "括弧 [ ] {{ }} が閉じていません。"),
    (r"the key (.+) is there twice", "キー {0} が 2 回あります。"),
    (r"not UTF-8", "文字コードが UTF-8 ではありません。UTF-8 で保存。"),
    (r"not YAML", "YAML の書き方に誤りがあります。字下げ、「: 」の空白、括弧を確認。"),
    (r"more than one of the given files", "指定した複数のファイルで重複しています。"),
    (r"valid (integer|number)", "数で書く。"),
    (r"(greater|less) than(?: or equal to)? (.+?), got", "範囲外です(境界 {1})。"),
    (r"Input should be (.+), got", "使える値: {0}"),
    (r"match pattern", "小文字の英数字、- と _ だけで、英字から始める。"),
)
"""What our own texts and pydantic's mean in Japanese, looked for in this order."""


def in_words(text: str, lang: str) -> str:
    """The faults of a file for a reader of this language: how many, then each; the place stays as it is written."""
    faults = text.splitlines()
    if lang != "ja":
        return text if len(faults) < 2 else f"{text}\n{len(faults)} faults"
    lines = [f"設定ファイルに {len(faults)} 件の誤りがあります。"]
    for fault in faults:
        lines.append(fault)
        for pattern, said in _JAPANESE:
            match = re.search(pattern, fault)
            if match is not None:
                lines.append("  → " + said.format(*match.groups()))
                break
    return "\n".join(lines)


def unreadable(text: str, line: int | None, problem: str) -> str:
    """Why a file is no YAML, in words: what is typed wrongly on phones and in Japanese comes first."""
    rows = text.splitlines()
    for n, row in enumerate(rows, start=1):
        code = row.partition("#")[0]
        wide = next((c for c in code if c in "：，　｛｝［］－" and _is_syntax(code, c)), None)
        if wide is not None:
            return f"line {n}: full-width {wide!r}, want {unicodedata.normalize('NFKC', wide)!r}"
        if code[: len(code) - len(code.lstrip())].count("\t"):
            return f"line {n}: tab, want spaces"
    place = "" if line is None else f"line {line}: "
    if "expected ',' or" in problem:
        return f"{place}no closing bracket"
    return f"{place}not YAML: {problem}"


def _is_syntax(row: str, c: str) -> bool:
    """Whether a full-width sign stands where YAML wants its own, and not inside a quoted text."""
    return row.count('"') < 2 and row.count("'") < 2 and c in row


def crossed(raw: dict[str, Any]) -> list[str]:
    """Every fault between parts."""
    faults: list[str] = []
    fast, slow = raw.get("interval_s", 5.0), raw.get("slow_interval_s", 60.0)
    if isinstance(fast, int | float) and isinstance(slow, int | float) and slow < fast:
        faults.append(f"slow_interval_s: {slow:g} is shorter than interval_s {fast:g}")
    buses = [bus for bus in raw.get("buses") or () if isinstance(bus, dict)] if _is_list(raw.get("buses")) else []
    for kinds in (("tcp", "rtu_over_tcp"), ("rtu",)):
        places = [(f"buses[{n}].{kind}", _address(bus.get(kind))) for n, bus in enumerate(buses) for kind in kinds]
        faults += _twice("address of a line", places)
    page = raw.get("page")
    if isinstance(page, dict) and page.get("pin_file") and _is_pin(page["pin_file"]):
        faults.append("page.pin_file: this looks like the PIN itself, want the name of a file that holds it")
    faults += _twice("bus id", [(f"buses[{n}].id", bus.get("id")) for n, bus in enumerate(buses)])
    devices = [
        (f"buses[{n}].devices[{m}]", n, device)
        for n, bus in enumerate(buses)
        if _is_list(bus.get("devices"))
        for m, device in enumerate(bus["devices"])
        if isinstance(device, dict)
    ]
    faults += _twice("device id", [(f"{place}.id", device.get("id")) for place, _, device in devices])
    for n in range(len(buses)):
        units = [(f"{place}.unit", device.get("unit", 1)) for place, bus, device in devices if bus == n]
        faults += _twice("unit on this bus", units)
    return faults


def keys_twice(node: Any) -> list[str]:
    """Keys that a mapping has twice: YAML would silently take the last one."""
    faults: list[str] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                faults.append(f"line {key.start_mark.line + 1}: the key {key.value!r} is there twice")
            seen.add(str(key.value))
            faults += keys_twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for entry in node.value:
            faults += keys_twice(entry)
    return faults


def _address(line: object) -> str | None:
    if not isinstance(line, dict):
        return None
    return f"{line['host']}:{line.get('port', 502)}" if "host" in line else line.get("port")


def _is_pin(value: object) -> bool:
    return str(value).isdigit()


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _twice(what: str, named: list[tuple[str, Any]]) -> list[str]:
    counts = Counter(str(value) for _, value in named if value is not None)
    seen: set[str] = set()
    faults = []
    for place, value in named:
        if value is None:
            continue
        if str(value) in seen:
            faults.append(f"{place}: {what} {value!r} is there {counts[str(value)]} times")
        seen.add(str(value))
    return faults
