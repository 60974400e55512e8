"""Words for what is proven of a shelter: its stage, what is missing, and the report of its commissioning."""

from __future__ import annotations

from typing import Final

PROOF: Final[dict[str, tuple[str, str]]] = {
    # The city
    "stages": ("試運転の確認状況", "Commissioning"),
    "filter_all_stages": ("すべての確認状況", "All stages"),
    # SiteStage
    "stage.verified": ("確認済み", "verified"),
    "stage.installed": ("設置済み・未確認", "installed, not verified"),
    "stage.planned": ("試運転前", "planned"),
    "stage_means.verified": (
        "試運転で、すべての機器の応答、電力量計の向き、蓄電池の制御を確かめました。",
        "Commissioning proved that every device answers, the meter points the right way, and the battery obeys.",
    ),
    "stage_means.installed": (
        "試運転の報告書は届いていますが、確認できていない項目があります。",
        "A commissioning report is here, and something in it failed or was not proven.",
    ),
    "stage_means.planned": (
        "試運転の報告書がまだありません。計測値が出ていても、正しいかどうかは確かめられていません。",
        "There is no commissioning report yet. Readings may be shown; nobody has proven that they are right.",
    ),
    # One shelter
    "proof": ("試運転", "Proof"),
    "proof_counts": ("非常用モードへの切り替え対象", "Counts as able to go into backup mode"),
    "proof_yes": ("はい", "yes"),
    "proof_no": ("いいえ（「確認済み」の避難所だけが対象です）", "no (only a verified shelter does)"),
    "proof_missing": ("確認済みになるまでに残っていること", "What is missing"),
    "proof_report": ("根拠の報告書", "By the report of"),
    "proof_by": ("{time} 作業者 {technician}", "{time}, technician {technician}"),
    "proof_open": ("報告書を読む", "Read the report"),
    "proof_key": ("署名の鍵", "Key that signs for it"),
    "proof_limit": (
        "{time} の試運転で確かめた内容です。その後に設備を変更していても、ここには表れません。",
        "This is what commissioning proved by {time}. It says nothing of changes made after that time.",
    ),
    "proof_how": (
        "技術者が現地の装置で「shelter-edge commission」を実行すると、報告書が届きます。",
        "A report comes when a technician runs on the shelter's box: shelter-edge commission",
    ),
    "proof_other": (
        "別の鍵で署名された新しい報告書が届いています",
        "A newer report is here, and another key signed it",
    ),
    "proof_other_text": (
        "{time} 作業者 {technician}、鍵 {key}。この鍵を受け入れるまで、判定には使いません。",
        "{time}, technician {technician}, key {key}. It does not count until somebody accepts that key.",
    ),
    "proof_other_try": (
        (
            "現地の装置を交換しましたか。作業者に電話で鍵の番号を確かめてから、運用担当が次を実行してください。"
            "心当たりがなければ実行せず、調べてください。"
        ),
        (
            "Was the box replaced? Compare the key with the technician by telephone; then the operator runs the "
            "command below. If nobody knows of a new box, do not run it: find out what happened."
        ),
    ),
    "proof_other_command": (
        'shelter-central sites accept-key {site} {key} --by "氏名" --why "理由"',
        'shelter-central sites accept-key {site} {key} --by "NAME" --why "REASON"',
    ),
    # What is missing, as ``contract.commissioning.judge`` names it
    "missing.device_dark": ("機器「{of}」が応答しませんでした", "Device “{of}” did not answer"),
    "missing.no_device": ("機器が1台も登録されていません", "There is no device"),
    "missing.check_failed": ("点検で不合格: {of}", "A check failed: {of}"),
    "missing.check_old": (
        "点検から1日以上たってから署名した報告書です",
        "The check was more than a day old when the report was signed",
    ),
    "missing.sign_not_proven": (
        "電力量計の向きを、実際に負荷を入れて確かめていません",
        "The meter's direction was not proven by switching a known load",
    ),
    "missing.no_control_tested": (
        "蓄電池への指示（書き込み・読み返し・復元）を試していません",
        "No order to the battery was written, read back and restored",
    ),
    "missing.control_failed": ("機器「{of}」への指示の試験が不合格", "The control test of device “{of}” failed"),
    "missing.not_restored": (
        "機器「{of}」に試験の設定が残っているおそれがあります。すぐに技術者へ連絡してください",
        "Device “{of}” may still hold a test's setting. Call the technician now",
    ),
    "missing.backup_failed": ("停電（自立運転）試験が不合格", "The outage (backup) test failed"),
    # Kinds of findings that fail a check
    "check.dark_unreachable": ("機器に接続できない", "a device can't be reached"),
    "check.dark_no_port": ("シリアルポートを開けない", "a serial port can't be opened"),
    "check.dark_hung_up": ("機器が接続を切る", "a device hangs up"),
    "check.dark_silent": ("機器の応答なし", "a device is silent"),
    "check.dark_gateway": ("変換器の先の機器が応答しない", "a device behind a gateway is silent"),
    "check.dark_garbled": ("機器の応答が壊れている", "a device's answers are garbled"),
    "check.dark_refused": ("機器が読み出しを拒否", "a device refuses to be read"),
    "check.dark_wrong_device": ("機種の設定と違う機器", "a device of another kind"),
    "check.swapped_ct": ("電力量計のCTが逆向き", "the meter's CTs are turned round"),
    "check.one_ct_turned": ("CTの1相が逆向き", "one CT is turned round"),
    "check.crossed_phases": ("CTと相の対応の入れ違い", "CTs on the wrong phases"),
    "check.ct_ratio": ("CT比の設定違い", "wrong CT ratio"),
    "check.meter_offline": ("電力量計の応答なし", "the meter is offline"),
    "check.inverter_sign": ("パワコン電力の正負が逆", "sign of the inverter's power"),
    "check.inverter_scale": ("パワコン電力の桁違い", "scale of the inverter's power"),
    "check.battery_sign": ("蓄電池の充放電の正負が逆", "sign of the battery's power"),
    "check.battery_scale": ("蓄電池電力の桁違い", "scale of the battery's power"),
    "check.pv_at_night": ("夜間に太陽光の発電", "PV power at night"),
    "check.pv_scale": ("太陽光電力の桁違い", "scale of the PV power"),
    "check.pv_sign": ("太陽光電力の正負が逆", "sign of the PV power"),
    "check.swapped_counters": ("買電と売電の積算値の入れ違い", "import and export counters are swapped"),
    "check.frozen": ("値が止まっている", "values stand still"),
    "check.wrong_profile": ("機種の設定（プロファイル）違い", "wrong device profile"),
    "check.swapped_words": ("レジスタの上位・下位語の入れ違い", "swapped words"),
    "check.swapped_bytes": ("レジスタのバイト順の入れ違い", "swapped bytes"),
    "check.off_by_one": ("レジスタ番号が1つずれている", "register addresses are off by one"),
    "check.wrong_unit": ("ユニット番号違い", "wrong unit number"),
    "check.step_turned": ("負荷試験で計量の向きが逆", "the known load showed the meter turned round"),
    "check.step_other_phase": ("負荷試験で別の相が動いた", "the known load showed on another phase"),
    "check.step_ratio": ("負荷試験で大きさが合わない", "the known load showed with a wrong size"),
    # The report
    "report": ("試運転報告書", "Commissioning report"),
    "report_synthetic": (
        "この報告書は模擬設備（シミュレーター）のものです。実在の設備を確かめたものではありません。",
        "This report is of a simulated cabinet. It proves nothing of a real one.",
    ),
    "report_old": (
        "この報告書は、いまの判定の根拠ではありません。",
        "The shelter's stage does not rest on this report.",
    ),
    "report_newest": ("根拠の報告書を見る", "Show the one that counts"),
    "report_verdict": ("判定", "Verdict"),
    "report_technician": ("作業者", "Technician"),
    "report_started": ("開始", "Started"),
    "report_finished": ("終了", "Finished"),
    "report_received": ("市が受信", "Received by the city"),
    "report_clock_guess": (
        "現地の時計は未確認。時刻は目安です",
        "the clock was not confirmed: times are a guess",
    ),
    "report_software": ("ソフトウェア", "Software"),
    "report_signature": ("署名", "Signature"),
    "report_signed": ("鍵 {key}（受信時に検証済み）", "key {key}, verified when the report came"),
    "report_digest": ("報告書のSHA-256", "SHA-256 of the report"),
    "report_json": ("署名された原本（JSON）", "The document as signed (JSON)"),
    "report_remarks": ("備考", "Remarks"),
    "report_checks": ("点検", "Checks"),
    "report_checks_none": ("点検の記録がありません。", "No check is recorded."),
    "report_try": ("対処: {text}", "Try: {text}"),
    "report_result": ("結果", "Result"),
    "report_looked_at": ("内容", "What was looked at"),
    "report_sign": ("電力量計の向き", "Direction of the meter"),
    "report_sign_yes": (
        "既知の負荷を入れ、電力量計に正しい大きさと向きで表れることを確かめました。",
        "A known load was switched, and the meter showed it with the right size and direction.",
    ),
    "report_sign_no": (
        "既知の負荷を入れて確かめる試験は、合格していません。",
        "It was not proven by switching a known load.",
    ),
    "report_controls": ("制御試験", "Control tests"),
    "report_controls_none": ("制御試験は行っていません。", "No control was tested."),
    "report_backup_none": ("停電（自立運転）試験は行っていません。", "The outage (backup) test was not made."),
    "report_order": ("指示", "Order"),
    "report_before": ("試験前", "Before"),
    "report_written": ("書き込み", "Written"),
    "report_read_back": ("読み返し", "Read back"),
    "report_restored": ("復元後", "Restored"),
    "report_devices": ("機器と計測値", "Devices and readings"),
    "report_devices_none": ("機器がありません。", "There is no device."),
    "report_profile": ("プロファイル", "Profile"),
    "report_address": ("接続先", "Address"),
    "report_unit": ("{address} ユニット {unit}", "{address}, unit {unit}"),
    "report_answer": ("応答", "Answer"),
    "report_confidence": ("レジスタ表の確かさ", "Register map"),
    "report_photos": ("写真", "Photos"),
    "report_photos_text": (
        "写真は現地の報告書に付いています。ここには名前と照合用の値（SHA-256）だけが届きます。",
        "The photos lie beside the report at the shelter. Only their names and digests (SHA-256) travel.",
    ),
    "report_photo_size": ("{n} kB", "{n} kB"),
    "report_more": (
        "ほか{n}件は、署名された原本（JSON）にあります。",
        "{n} more are in the document as signed (JSON).",
    ),
    # CheckVerdict and ControlVerdict
    "verdict.passed": ("合格", "passed"),
    "verdict.failed": ("不合格", "failed"),
    "verdict.warned": ("注意", "look at it"),
    "verdict.not_judged": ("判定不能", "not judged"),
    "verdict.not_restored": ("復元できず", "not restored"),
    "verdict.not_tested": ("未実施", "not tested"),
    # Controls
    "control.reserve": ("非常用の確保量", "reserve"),
    "control.charge": ("充電", "charge"),
    "control.discharge_block": ("放電停止", "discharge block"),
    "control.backup": ("停電への備え（機器の機能）", "the device's backup mode"),
    "control.outage_test": ("停電（自立運転）試験", "outage (backup) test"),
    "control.export_limit": ("売電の制限", "export limit"),
    "control.tier": ("負荷区分", "load tier"),
    # How well a profile is known
    "confidence.recorded": ("実機の記録と一致", "agrees with recordings of real devices"),
    "confidence.documented": (
        "メーカー資料、または複数の実装と一致",
        "agrees with the maker's document or with several programs",
    ),
    "confidence.unverified": (
        "未検証（情報源が1つ、または不一致）",
        "unverified: one source, or sources that disagree",
    ),
    "identity.vendor": ("メーカー", "Maker"),
    "identity.product": ("製品", "Product"),
    "identity.model": ("型式", "Model"),
    "identity.serial": ("製造番号", "Serial number"),
    "identity.firmware": ("ファームウェア", "Firmware"),
    "identity.revision": ("版", "Revision"),
    # Errors
    "error_report_none": (
        "この避難所の判定の根拠になる報告書は、まだありません",
        "There is no report yet that this shelter's stage rests on",
    ),
    "error_report_none_try": (
        "避難所のページの「試運転」の欄をご覧ください。",
        "See “Proof” on the shelter's page.",
    ),
    "error_report": ("「{asked}」という報告書はありません", "There is no report “{asked}”"),
    "error_report_try": (
        "避難所のページから報告書を開いてください。",
        "Open the report from its shelter's page.",
    ),
    "error_report_form": (
        "この報告書は、このページで表示できる形式ではありません",
        "This report has a form that the page can't show",
    ),
    "error_report_form_try": (
        "原本は「shelter-central reports show {asked}」で取り出せます。",
        "The document itself is shown by: shelter-central reports show {asked}",
    ),
}
