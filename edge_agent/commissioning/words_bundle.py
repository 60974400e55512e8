"""What is said of the city's bundle for a shelter: Japanese and English. Kinds are those of ``StepError``."""

from __future__ import annotations

from typing import Final

BUNDLE_FAULTS: Final[dict[str, dict[str, str]]] = {
    "ja": {
        "bundle_unreadable": "{path} を読めません({why})。パスと、このユーザーで読めるかを確認してください。",
        "bundle_bad": (
            "{path} は使えません({why})。市が作った ZIP(避難所の番号.zip)か、展開したフォルダーを指定してください。"
        ),
        "bundle_lacks": "{path} に {name} がありません。市から ZIP をもらい直してください。",
        "bundle_other_site": "{path} は {site} のものです。この箱は {wanted} です。箱と ZIP の番号を確かめてください。",
        "bundle_other_name": "{path}: 証明書の名前が {name} です({site} のはず)。市に作り直してもらってください。",
        "bundle_not_signed": "{path}: {authority} の認証局の署名がありません。市に作り直してもらってください。",
        "bundle_ended": (
            "{path}: 有効期限が切れています({ended}、この機械の時刻 {now})。時刻が正しければ、市で "
            "shelter-central provision {site} をもう一度実行してもらってください。"
        ),
        "bundle_too_early": (
            "{path}: まだ有効ではありません({begins} から、この機械の時刻 {now})。"
            "この機械の時計を合わせて、もう一度実行してください。"
        ),
        "bundle_no_key": (
            "{path} に client.key がなく、{folder} にもありません。箱で鍵を作った(shelter-edge request)なら、"
            "そのフォルダーを --dir で指定してください。"
        ),
        "bundle_other_key": (
            "{path}: 秘密鍵が証明書と合いません。この箱で作った申請書(client.csr)で作り直してもらうか、"
            "申請書なしの ZIP をもらってください。"
        ),
        "bundle_by_hand": (
            "{path} は自動で書き換えられない形です。次の行を入れて(今ある同じ項目は消して)、"
            "もう一度実行してください:\n{lines}"
        ),
        "bundle_outbox": (
            "データをためる {path} に書き込めません({why})。箱のユーザーで実行してください"
            "(sudo -u shelter shelter-edge commission …)。別の場所にするなら --outbox"
        ),
    },
    "en": {
        "bundle_unreadable": "{path} can't be read ({why}). Check the path, and whether this user may read it.",
        "bundle_bad": (
            "{path} can't be used ({why}). Name the ZIP that the city made (NUMBER.zip), or the folder that it was "
            "unpacked to."
        ),
        "bundle_lacks": "{path} has no {name}. Ask the city for the ZIP again.",
        "bundle_other_site": "{path} is for {site}, this box is {wanted}. Compare the numbers of box and ZIP.",
        "bundle_other_name": "{path}: the certificate is for {name}, not {site}. Have the city make it again.",
        "bundle_not_signed": "{path}: the authority of {authority} has not signed it. Have the city make it again.",
        "bundle_ended": (
            "{path}: it ended {ended}, this machine's time is {now}. If that is right, have the city make another one: "
            "shelter-central provision {site}"
        ),
        "bundle_too_early": (
            "{path}: it holds from {begins} on, this machine's time is {now}. Set this machine's clock, then try again."
        ),
        "bundle_no_key": (
            "{path} has no client.key, and {folder} has none either. If the box made its key (shelter-edge request), "
            "name that folder by --dir."
        ),
        "bundle_other_key": (
            "{path}: the key is not the certificate's. Have it made for this box's request (client.csr), or take a "
            "ZIP that was made without one."
        ),
        "bundle_by_hand": (
            "{path} has a form that can't be changed by a program. Put these lines in, instead of those of the same "
            "names, and try again:\n{lines}"
        ),
        "bundle_outbox": (
            "{path}, where readings wait, can't be written ({why}). Run this as the box's user (sudo -u shelter "
            "shelter-edge commission …), or name another place: --outbox"
        ),
    },
}
