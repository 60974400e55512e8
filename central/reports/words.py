"""Words of the reports in Japanese and English."""

from __future__ import annotations

from typing import Final

from central.reports.ledger_words import LEDGERS
from central.web.catalogue import Lang

WORDS: Final[dict[str, tuple[str, str]]] = {
    "monthly": ("太陽光発電 電力供給 月次明細書", "Monthly statement of solar energy supplied"),
    "yearly": ("CO2削減量 年次報告書", "Yearly report on avoided CO2"),
    "disaster": ("災害・訓練 活動記録", "Record of disasters and drills"),
    "completeness": ("稼働・計測データ充足状況報告書", "Report on operation and completeness of data"),
    "month": ("{y}年{m}月分", "{y}-{m:02d}"),
    "fiscal": ("{y}年度（{y}年4月～{next}年3月）", "Fiscal year {y} (April {y} to March {next})"),
    "made": ("作成 {at}", "Made {at}"),
    "city_all": ("全施設（{n}か所）", "All facilities ({n})"),
    # Columns
    "no": ("番号", "No."),
    "site": ("施設", "Facility"),
    "site_id": ("避難所ID", "Shelter ID"),
    "ward": ("区", "Ward"),
    "day": ("日", "Day"),
    "month_col": ("月", "Month"),
    "state_col": ("状態", "State"),
    "pv": ("発電量 kWh", "PV kWh"),
    "self": ("自家消費量 kWh", "Used on site kWh"),
    "billed": ("請求電力量 kWh", "Billed kWh"),
    "export": ("逆潮流 kWh", "Exported kWh"),
    "import": ("買電量 kWh", "Imported kWh"),
    "charge": ("充電 kWh", "Charged kWh"),
    "discharge": ("放電 kWh", "Discharged kWh"),
    "loss": ("蓄電池損失 kWh", "Battery loss kWh"),
    "load": ("施設の消費 kWh", "Consumed kWh"),
    "curtailed": ("出力抑制（推定）kWh", "Held back (estimate) kWh"),
    "price": ("単価 円/kWh", "Price yen/kWh"),
    "amount": ("金額（税抜）円", "Amount without tax, yen"),
    "peak": ("最大需要 kW", "Peak demand kW"),
    "peak_12": ("12か月最大 kW", "12-month peak kW"),
    "known": ("計測率 %", "Measured %"),
    "total": ("合計", "Total"),
    "co2": ("CO2削減量 t", "Avoided CO2 t"),
    "self_rate": ("自家消費率 %", "Used of PV %"),
    "sufficiency": ("自給率 %", "Covered by PV %"),
    "plant_share": ("発電設備の稼働率 %", "Plant availability %"),
    "link_share": ("通信率 %", "Link availability %"),
    "faults_n": ("故障 回", "Faults"),
    "faults_h": ("故障 h", "Faults h"),
    "silent_n": ("機器の応答なし 回", "Devices silent, times"),
    "silent_h": ("機器の応答なし h", "Devices silent h"),
    "plan": ("計画発電量 kWh", "Planned PV kWh"),
    "plan_diff": ("計画との差 kWh", "Against plan kWh"),
    "plan_share": ("計画比 %", "Of plan %"),
    "value": ("値", "Value"),
    "device": ("機器", "Device"),
    "times": ("回数", "Times"),
    # Pairs
    "plan_pair": ("計画と実績", "Plan and actual"),
    "plan_is": (
        "計画 {plan} kWh、差 {difference} kWh（{share} %）",
        "planned {plan} kWh, {difference} kWh ({share} %)",
    ),
    "plan_of": ("、計画のある{n}か所", ", {n} facilities with a plan"),
    "facility": ("対象", "Facility"),
    "supplied": ("請求電力量", "Billed energy"),
    "net": ("小計（税抜）", "Sum without tax"),
    "tax": ("消費税（{rate} %）", "Consumption tax ({rate} %)"),
    "gross": ("請求額（税込）", "To be paid, with tax"),
    "settled": ("締め", "Closing"),
    "hash": ("確認用ハッシュ（SHA-256）", "Digest of the figures (SHA-256)"),
    "table": ("単価表", "Price table"),
    "factor": ("排出係数", "Emission factor"),
    "factor_is": (
        "{value} t-CO2/kWh（{retailer}・{menu}、{year}年度実績、{kind}）",
        "{value} t-CO2/kWh ({retailer}, {menu}, actuals of FY{year}, {kind})",
    ),
    "factor_source": ("係数の出典", "Source of the factor"),
    "unadjusted": ("未調整", "unadjusted"),
    "basic": ("基礎", "basic"),
    "adjusted": ("調整後", "adjusted"),
    "avoided": ("CO2削減量", "Avoided CO2"),
    "open": ("未締め（変わることがあります）", "Not closed: may change"),
    "closed": ("締め済み", "Closed"),
    "corrected": ("締め後に訂正あり", "Closed and corrected"),
    "entry_closed": ("{at} {by} が締めました", "Closed {at} by {by}"),
    # Warnings
    "warn_open": (
        "この月は締められていません。後から届くデータで数値が変わります。",
        "This month is not closed: data that comes late changes the figures.",
    ),
    "warn_late": (
        "締めた後に{n}か所のデータが届きました。この明細は締めた時の数値です（shelter-central month correct で反映）。",
        (
            "Data of {n} facilities came after the closing. These are the figures that were closed "
            "(shelter-central month correct takes the new ones over)."
        ),
    ),
    "warn_despite": (
        "{n}か所のデータが不足したまま締められました。理由: {why}",
        "Closed although data of {n} facilities was missing. Reason: {why}",
    ),
    "warn_price": (
        "単価は【未確認】です。契約書と照合されていないため、請求には使えません。",
        "UNVERIFIED prices: nobody has checked them against the contract. Not for billing.",
    ),
    "warn_unpriced": (
        "{n}か所に単価がありません。合計に入っていません。",
        "{n} facilities have no price; left out of sums.",
    ),
    "warn_factor": (
        "排出係数は【未確認】です。公表値と照合してから提出してください。",
        "UNVERIFIED emission factor: check it against the published one before you hand this in.",
    ),
    "warn_factor_none": (
        "使える排出係数がありません（係数表に{year}年度実績以前の値を入れてください）。",
        "No emission factor (enter one of the actuals of FY{year} or before).",
    ),
    "warn_factor_old": (
        "{wanted}年度実績の係数がないため、{used}年度実績で代用しています。",
        "No factor of the actuals of FY{wanted}: that of FY{used} stands in.",
    ),
    "warn_months": ("締められていない月があります: {months}", "Months that are not closed: {months}"),
    "warn_synthetic": (
        "模擬データです。実在の施設の数値ではありません。",
        "Synthetic data: no figures of real facilities.",
    ),
    "warn_running": ("年度の途中です。", "The fiscal year is not over."),
    # Headings
    "worked": ("計画・稼働", "Plan and operation"),
    "troubles": ("機器ごとの故障・応答なし", "Faults and silence by device"),
    "trouble_fault": ("故障（機器の通知）", "fault, as the device reports"),
    "trouble_silent": ("応答なし（計測装置との通信）", "does not answer the agent"),
    "by_site": ("施設別", "By facility"),
    "by_day": ("日別", "By day"),
    "by_month": ("月別", "By month"),
    "quality": ("データの確かさ", "How well it is known"),
    "corrections": ("締めと訂正の記録", "Closing and corrections"),
    "outage_list": ("停電（自立運転）の記録", "Outages"),
    "opening_list": ("避難所としての開設の記録", "Times open as a shelter"),
    "incident_list": ("災害対応・訓練の記録", "Incidents and drills"),
    "notes": ("注記", "Notes"),
    # Corrections
    "when": ("日時", "When"),
    "who": ("担当者", "Who"),
    "what": ("内容", "What"),
    "why": ("理由", "Why"),
    "sites_n": ("施設数", "Facilities"),
    "before": ("訂正前 kWh", "Before kWh"),
    "after": ("訂正後 kWh", "After kWh"),
    "before_yen": ("訂正前（税抜）円", "Before, without tax, yen"),
    "after_yen": ("訂正後（税抜）円", "After, without tax, yen"),
    # What counters forgot
    "lost_heading": ("計上されていない電力量（推定）", "Energy that was not counted (estimates)"),
    "lost_self": ("自家消費量への影響 kWh", "Would change use on site by kWh"),
    "note_lost": (
        (
            "長い欠測の間に積算計が初期化・交換され、それまでの分が失われました。発電量は同じ時刻の近隣施設から、その他は条件（平日・休日、"
            "日照）の近い同じ施設の日から推定しています。上の合計にも請求にも含めていません（協議で合意した値は "
            "shelter-central month correct --add-kwh で訂正します）。―は推定できないもの。"
        ),
        (
            "A counter began anew in a longer gap and forgot what it had counted there. PV energy is estimated from "
            "other facilities in the same half hours, the rest from days of the facility that are alike (working day "
            "or weekend, sun). In no sum above, and not billed; what both sides agree on is entered by "
            "shelter-central month correct --add-kwh. A dash: no estimate."
        ),
    ),
    # What is missing
    "despite": ("締めた時に不足していたデータ", "What was missing when it was closed"),
    "missing_slots": ("不明な30分値", "Half hours not known"),
    "of_slots": ("{n}／{all}", "{n} of {all}"),
    "known_since": ("いつから", "Since"),
    "hurdle_waiting": (
        "この月のデータが施設に残っています（未送信）",
        "readings of the month still wait at the facility",
    ),
    "hurdle_cut_off": ("月末までのデータが届いていません", "nothing came of the month's end"),
    "hurdle_missing": ("欠測が1 %を超えています", "more than 1 % of the half hours are not known"),
    # Quality
    "slots": ("30分値の数", "Half hours"),
    "meaning": ("意味", "Meaning"),
    "q_m": ("計測", "measured"),
    "q_r": ("計器の初期化・交換あり（下限値）", "counter restarted inside (at least this)"),
    "q_i": ("2時間以内の欠測を補間", "interpolated over a gap of up to 2 hours"),
    "q_s": ("長い欠測（合計のみ確か、時刻は不明）", "longer gap (sum is right, when it flowed is not known)"),
    "q_l": (
        "長い欠測中に計器の初期化・交換（合計は下限値）",
        "longer gap with a restart inside (sum is at least this)",
    ),
    "q_-": ("不明（データなし）", "unknown (no data)"),
    "q_odd": ("収支が合わない30分値", "half hours that do not add up"),
    "q_limited": ("出力抑制のあった30分値", "half hours with PV held back"),
    # Disaster record
    "outages": ("停電回数", "Outages"),
    "outage_h": ("停電時間 h", "Without grid h"),
    "islanded_h": ("自立運転（計測）h", "Islanded (measured) h"),
    "islanded_kwh": ("自立運転中の供給 kWh", "Delivered islanded kWh"),
    "open_days": ("開設日数", "Days open"),
    "drills": ("訓練", "Drills"),
    "incidents": ("災害対応", "Incidents"),
    "from": ("開始", "From"),
    "to": ("終了", "To"),
    "length_h": ("時間 h", "Hours"),
    "goes_on": ("継続中", "goes on"),
    "is_drill": ("訓練", "Drill"),
    "is_real": ("災害対応", "Incident"),
    "kind_col": ("区分", "Kind"),
    "incident_id": ("番号", "Number"),
    "reason": ("理由", "Reason"),
    "none": ("記録はありません。", "Nothing is recorded."),
    # Notes
    "note_self": (
        "自家消費量＝発電量－逆潮流－蓄電池損失のうち太陽光の分。発電量は抑制後の計測値です。逆潮流はすべて太陽光から差し引きます。",
        (
            "Used on site = PV - export - PV's share of the battery's loss. PV is counted after curtailment. "
            "All export counts against PV."
        ),
    ),
    "note_dc": (
        "直流側で計測している施設の発電量には、パワーコンディショナの変換損失が含まれます。",
        "Where PV is counted on the DC side, the inverter's conversion loss is in it.",
    ),
    "note_load": (
        "施設の消費は、計測していない施設では収支から求めています（パワーコンディショナの自己消費を含みます）。",
        "Where no meter counts consumption it follows from the balance (the inverter's own use is in it).",
    ),
    "note_exact": (
        "電力量は積算計の差（Wh単位）です。30分値の根拠となった読み値は shelter-central report trace で確認できます。",
        (
            "Energies are differences of counters in whole Wh. shelter-central report trace shows the readings behind "
            "each half hour."
        ),
    ),
    "note_amount": (
        "金額は施設ごとに1円未満を切り捨て、消費税は合計に対して1回計算し1円未満を切り捨てています。",
        "Amounts are rounded down to whole yen for each facility; tax is worked out once, on the sum, rounded down.",
    ),
    "note_peak": (
        "最大需要は買電の30分平均電力の最大値です。12か月最大はこの月と前11か月の最大値です。",
        "Peak demand: highest half-hour mean of import; 12-month peak: that of this month and the eleven before.",
    ),
    "note_curtailed": (
        "出力抑制量は計測値ではなく、近隣施設の発電量からの推定です。請求には含めません。",
        "What was held back is not measured: an estimate from other facilities. It is never billed.",
    ),
    "note_drills": (
        "訓練は災害対応と分けて数え、請求額には影響しません。",
        "Drills are counted apart from incidents and have no part in the bill.",
    ),
    "note_co2": (
        "温室効果ガスの削減量＝自家消費量×排出係数。逆潮流した電力は市の削減量に含めません。環境価値の帰属は契約によります。",
        (
            "Avoided CO2 = energy used on site x factor. Exported energy is not counted. Who owns the environmental "
            "value is a matter of the contract."
        ),
    ),
    "note_factor_lag": (
        "{year}年度の報告には{lag}年度実績の係数を使います。",
        "A report of FY{year} uses the factor of the actuals of FY{lag}.",
    ),
    "note_outage": (
        (
            "停電時間は現地からの通知、自立運転時間と供給量は計測値によります。蓄電池が尽きて計測装置も止まった時間は計測に含まれません。"
            "施工・点検時の停電試験も停電として記録されます。"
        ),
        (
            "Hours without grid are as the shelters told; islanded hours and energy are measured. Time after the "
            "battery ran out and the agent stopped is not measured. Outage tests of technicians count as outages."
        ),
    ),
    "note_open": (
        "開設日数は、職員が公開用に登録した開設・閉鎖の記録によります。",
        "Days open are as staff told the public.",
    ),
    "note_plant": (
        (
            "発電設備の稼働率は本システムの定義です: 日射があるはずの30分値（快晴なら水平面で定格の15 %以上になる時刻）"
            "のうち、発電量ゼロが4つ（2時間）以上続いたものを停止とします。出力抑制・停電中・不明な30分値は停止に数えません。"
        ),
        (
            "Plant availability is this system's own definition: of the half hours in which a level plant would give "
            "15 % of its peak under a clear sky, those with no PV energy four or more on end are down. Held back, "
            "islanded and unknown half hours are not down."
        ),
    ),
    "note_link": (
        (
            "通信率は本システムの定義です: 30分が終わって2分後に、その30分の読み値が届いていた割合です"
            "（後から届いたデータは数えません）。"
        ),
        (
            "Link availability is this system's own definition: the part of half hours of which a reading had come two "
            "minutes after their end. What came later does not count."
        ),
    ),
    "note_trouble": (
        "故障の時間は30分単位です。応答なしは計測装置の通知により、短い間に何度も切り替わった分はまとめて1回と数えます。",
        "Faults are counted in half hours. Silence is as the agent tells it; quick changes count as one.",
    ),
    "note_plan": (
        "計画は市が登録した発電量です。計画のない施設・月と、終わっていない月は比べません。欠測があれば実績は少なくなります。",
        (
            "The plan is what the city entered. Facilities and months without a plan, and months that are not over, "
            "are not compared. Where data is missing the actual is less."
        ),
    ),
    **LEDGERS,
    # Signatures
    "sign_supplier": ("事業者 確認", "Operator"),
    "sign_manager": ("施設管理担当 確認", "Facility manager"),
    "sign_head": ("所属長 承認", "Head of department"),
}
_COLUMN: Final = {Lang.JA: 0, Lang.EN: 1}


class Says:
    """The words of one language."""

    def __init__(self, lang: Lang) -> None:
        self.lang = lang

    def __call__(self, key: str, /, **values: object) -> str:
        """The text of a key, with its places filled."""
        text = WORDS[key][_COLUMN[self.lang]]
        return text.format(**values) if values else text
