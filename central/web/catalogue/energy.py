"""Words of the pages of energy: months, statements, reports. The reports themselves have words of their own."""

from __future__ import annotations

from typing import Final

ENERGY: Final[dict[str, tuple[str, str]]] = {
    "nav_reports": ("明細・報告", "Statements"),
    "reports_title": ("電力量の明細と報告", "Energy statements and reports"),
    "reports_lead": (
        "積算計の値から30分ごとに計算した電力量です。月を締めると数値が確定し、その後の変更は訂正として記録されます。",
        (
            "Energies are counted every half hour from counters. Closing a month fixes its figures; later changes are "
            "recorded as corrections."
        ),
    ),
    "reports_none": (
        "計算された月はまだありません。計測データが届くと、30分ごとに自動で計算されます。",
        "No month is counted yet. As soon as readings come, every half hour is counted by itself.",
    ),
    "reports_months": ("月ごと", "Months"),
    "reports_years": ("年度ごと", "Fiscal years"),
    "reports_month": ("月", "Month"),
    "reports_state": ("状態", "State"),
    "reports_papers": ("書類", "Papers"),
    "reports_kind.monthly": ("月次明細書", "Monthly statement"),
    "reports_kind.completeness": ("稼働・データ充足状況", "Operation and completeness"),
    "reports_kind.yearly": ("CO2年次報告書", "CO2 report"),
    "reports_kind.disaster": ("災害・訓練の記録", "Disaster record"),
    "reports_month_is": ("{y}年{m}月", "{y}-{m:02d}"),
    "reports_year_is": ("{y}年度", "FY{y}"),
    "reports_state_is.open": ("未締め", "Open"),
    "reports_state_is.closed": ("締め済み", "Closed"),
    "reports_state_is.corrected": ("締め済み（訂正あり）", "Closed, corrected"),
    "reports_get": ("ファイルで受け取る", "As a file"),
    "reports_print": ("印刷用HTML", "HTML to print"),
    "reports_csv": ("CSV（表計算）", "CSV (spreadsheet)"),
    "reports_json": ("JSON（システム）", "JSON (programs)"),
    "reports_one_site": ("1施設の明細を見る", "One facility's statement"),
    "reports_show": ("表示", "Show"),
    "reports_whole_city": ("全施設", "All facilities"),
    "reports_close": ("この月を締める", "Close this month"),
    "reports_close_note": (
        "締めると数値が確定し、ハッシュとともに台帳に記録されます。取り消せません。後から届くデータは訂正として反映します。",
        (
            "Closing fixes the figures and writes their digest into the book. It can't be undone: data that comes "
            "later is taken over by a correction."
        ),
    ),
    "reports_close_why": ("備考（任意）", "Remark (optional)"),
    "reports_ready": (
        "締める前の確認: 稼働中のすべての施設のデータがそろっています。",
        "Checked: the data of every facility in operation is there.",
    ),
    "reports_not_ready": (
        "締める前の確認: {n}か所のデータがそろっていません",
        "Checked: data of {n} facilities is not complete",
    ),
    "reports_not_ready_do": (
        (
            "未送信のデータは、回線が戻れば自動で届き、計算し直されます。「設備の状態」で施設の通信と未送信データを確認してください。"
            "届いているのに計算されていない場合は shelter-central month recount で計算し直します。"
        ),
        (
            "What waits is delivered and counted by itself once the link is back: look at the facility's link on the "
            "page Fleet health. What was imported is counted by shelter-central month recount."
        ),
    ),
    "reports_missing_site": ("施設", "Facility"),
    "reports_missing_what": ("状況", "What is missing"),
    "reports_missing_n": ("不明な30分値", "Half hours not known"),
    "reports_missing_since": ("いつから", "Since"),
    "reports_accept": (
        "データが戻らないことを確認しました。不足したまま締めます（明細書と台帳に理由が残ります）。",
        "The data will not come back. Close without it; the reason stands on the statement and in the book.",
    ),
    "reports_accept_why": ("理由（不足したまま締める場合は必須）", "Reason (needed to close without it)"),
    "reports_close_do": ("締める", "Close"),
    "reports_correct": ("訂正する", "Correct"),
    "reports_correct_note": (
        "締めた後に届いたデータを反映します。訂正前と訂正後の数値が理由とともに残ります。",
        "Takes over the data that came after the closing. Figures before and after stay, with the reason.",
    ),
    "reports_correct_why": ("訂正の理由（必須）", "Reason (required)"),
    "reports_correct_do": ("訂正を記録する", "Record the correction"),
    "reports_refused": ("できませんでした。", "That could not be done."),
    "reports_no.no_month": ("月の指定が正しくありません（例 2026-10）。", "That is no month (such as 2026-10)."),
    "reports_no.closed": ("この月はすでに締められています。", "This month is closed already."),
    "reports_no.not_over": (
        "この月はまだ終わっていません。翌月1日の午前1時を過ぎてから締めてください。",
        "This month is not over. Close it after 1:00 on the first of the next month.",
    ),
    "reports_no.not_ready": (
        "データがそろっていません。下の一覧を確認してください。",
        "Data is missing: see the list below.",
    ),
    "reports_no.nothing": ("この月の計算結果がありません。", "Nothing is counted of this month."),
    "reports_no.open": (
        "この月は締められていません。後から届くデータは自動で反映されます。",
        "This month is open: late data is taken over by itself.",
    ),
    "reports_no.same": ("数値が変わらないため、訂正はありません。", "No figure would change: nothing to correct."),
    "reports_no.who": ("担当者の名前が必要です。", "Say who does it."),
    "reports_no.why": ("理由を入力してください。", "Say why."),
    "reports_no.one_site": ("手入力の訂正は1施設ずつ行ってください。", "An adjustment by hand is of one facility."),
    "reports_no.not_in_it": ("締めた月に含まれない施設です。", "A facility that is not in the closed month."),
    "reports_no.unreadable": (
        "締めた数値を読み取れません。プログラムの版を確認してください。",
        "The closed figures can't be read: check the program's version.",
    ),
    "reports_ledgers": ("計画と台帳", "Plans and ledger"),
    "reports_plan": ("{y}年度の発電計画", "Plan of PV energy FY{y}"),
    "reports_assets": ("財産台帳（処分制限財産）", "Ledger of assets with restricted disposal"),
    "ledger_enter.plan": ("計画を登録する", "Enter the plan"),
    "ledger_enter.assets": ("財産を登録する", "Enter assets"),
    "ledger_enter_note.plan": (
        (
            "記入用CSVに月別の計画発電量（kWh）を記入して登録します。空のセルは今のまま、「-」は計画の取り消しです。"
            "誤りが1つでもあれば、何も登録されません。登録した人とファイルのSHA-256が台帳に残ります。"
        ),
        (
            "Fill in planned PV energy (kWh) by month. An empty cell leaves what stands, a dash takes a plan back. "
            "With any fault nothing is entered. Who entered it and the file's SHA-256 stand in the book."
        ),
    ),
    "ledger_enter_note.assets": (
        (
            "記入用CSVには、登録済みの財産と、試運転報告にあって台帳にない機器が入っています。取得日・取得価額・耐用年数とその根拠を"
            "記入して登録します。ファイルにない財産はそのまま残ります。処分した財産には処分日を記入します。"
        ),
        (
            "The list holds the assets that stand and the reported devices that are missing. Fill in dates, cost, "
            "useful life and its basis. Assets that are not in the file stay; of one that is gone enter the date."
        ),
    ),
    "ledger_list": ("記入用CSV", "CSV to fill in"),
    "ledger_file": ("記入したCSVファイル", "The CSV file, filled in"),
    "ledger_do": ("登録する", "Enter"),
    "ledger_taken.plan": ("計画を登録しました（{n}件）。", "The plan was entered: {n} months of facilities."),
    "ledger_taken.assets": ("財産を登録しました（{n}件）。", "{n} assets were entered."),
    "ledger_taken_nothing": (
        "登録済みの内容と同じため、変更はありません。",
        "Nothing changed: all of it stood already.",
    ),
    "ledger_refused": (
        "登録できませんでした。何も変更していません。次の{n}か所を直してください。",
        "Nothing was entered. Mend these {n} places:",
    ),
    "ledger_too_large": ("ファイルが大きすぎます（5 MBまで）。", "The file is too large (5 MB at most)."),
    "reports_days": ("日ごとの30分値と、根拠になった読み値", "Half hours of a day, and the readings behind them"),
    "day_before": ("前の日", "Day before"),
    "day_after": ("次の日", "Next day"),
    "day_lead": (
        "30分ごとの電力量です。時刻を選ぶと、根拠になった積算計の読み値を表示します。",
        "Energy by half hours. Choose a time to see the counter readings that it comes from.",
    ),
    "day_pv.dc": ("発電は直流側の計測です（変換損失を含みます）。", "PV is counted on the DC side."),
    "day_pv.ac": ("発電はパワーコンディショナの出力から求めています。", "PV follows from what left the inverter."),
    "day_pv.none": ("発電は計測されていません。", "PV is not counted."),
    "day_load.metered": ("消費は計測値です。", "The load is metered."),
    "day_load.inverter": (
        "消費はパワーコンディショナの出力と買電・逆潮流から求めています。",
        "The load follows from the inverter's output, import and export.",
    ),
    "day_load.rest": ("消費は収支の残りです（変換損失を含みます）。", "The load is what is left of the balance."),
    "day_begins": ("開始", "From"),
    "day_flow.pv": ("発電", "PV"),
    "day_flow.load": ("消費", "Load"),
    "day_flow.import": ("買電", "Import"),
    "day_flow.export": ("逆潮流", "Export"),
    "day_flow.charge": ("充電", "Charge"),
    "day_flow.discharge": ("放電", "Discharge"),
    "day_demand": ("需要", "Demand"),
    "day_mark": ("確かさ", "How well known"),
    "day_mark_is.m": ("計測", "measured"),
    "day_mark_is.r": ("計器の初期化あり（下限）", "counter restarted (at least)"),
    "day_mark_is.i": ("補間", "interpolated"),
    "day_mark_is.s": ("欠測（合計のみ確か）", "in a gap: sum alone is known"),
    "day_mark_is.l": ("欠測・初期化（合計は下限）", "in a gap with a restart: at least"),
    "day_mark_is.-": ("不明", "unknown"),
    "day_odd": ("収支が合いません", "does not add up"),
    "day_total": ("日合計（長い欠測の分を含む）", "Day, longer gaps included"),
    "day_trace": ("{begins}～{ends} の根拠", "What {begins} to {ends} comes from"),
    "day_counter": ("積算計", "Counter"),
    "day_at": ("{at} の前後の読み値", "Readings around {at}"),
    "day_trace_note": (
        "端の値は、前後の読み値の間を時間で按分して求めます（ちょうどの時刻の読み値があればその値）。両端の差が電力量です。",
        "An end's value is shared by time between the readings around it; the energy is the difference of the two.",
    ),
    "error_report_period": (
        "「{asked}」の報告はありません",
        "There is no report of “{asked}”",
    ),
    "error_report_period_try": (
        "始まっている月（2026-10 など）か年度（2026 など）と、登録済みの避難所を指定してください。",
        (
            "Ask for a month (2026-10) or fiscal year (2026) that has begun, and a registered shelter. The page "
            "Statements lists them."
        ),
    ),
    "action.month_closed": ("月の締め", "Closed a month"),
    "action.device_exchanged": ("機器の交換", "Device exchanged"),
    "action.plan_set": ("発電計画の登録", "Set the plan of PV energy"),
    "action.assets_set": ("財産台帳の登録", "Changed the ledger of assets"),
    "action.month_corrected": ("締めた月の訂正", "Corrected a closed month"),
}
