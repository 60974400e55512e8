"""Words of the city's single sign-on."""

from __future__ import annotations

from typing import Final

SIGNON: Final[dict[str, tuple[str, str]]] = {
    "sso_do": ("{name}でログインする", "Sign in with {name}"),
    "sso_or": (
        "つながらないときは、下のログイン名とパスワードを使ってください。",
        "If it fails, use a login name below.",
    ),
    "sso_out": (
        "この画面からはログアウトしました。共用の端末では、{name}からもログアウトしてください。",
        "You are signed out here. On a shared device, sign out of {name}, too.",
    ),
    "sso_out_do": ("{name}からログアウトする", "Sign out of {name}"),
    "sso_title": ("統合認証", "Single sign-on"),
    "sso_alone": (
        "このアカウントは{name}でログインします。パスワードはここにはありません。",
        "This account signs in with {name}. It has no password here.",
    ),
    "sso_follows": (
        "役割と担当区は{name}のグループで決まります。変えるときは、そちらの管理者に頼んでください。",
        "Role and wards follow the groups of {name}. To change them, ask who looks after it.",
    ),
    "sso_linked": ("{name}でもログインできます。", "You can also sign in with {name}."),
    "sso_unlinked": (
        "{name}と連携すると、次からパスワードなしでログインできます。役割と担当区は変わりません。",
        "Link {name} to sign in without a password next time. Role and wards stay as they are.",
    ),
    "sso_link": ("{name}と連携する", "Link {name}"),
    "sso_unlink": ("連携をやめる", "Unlink"),
    "sso_confirm_title": ("連携の確認", "Confirm the link"),
    "sso_confirm": (
        "{name}の「{shown}」が、このアカウント（{login}）を開けるようになります。あなた自身であることを確かめてください。",
        "“{shown}” of {name} will open this account ({login}). Make sure that this is you.",
    ),
    "sso_cancel": ("やめる", "Cancel"),
    "account_done.linked": ("連携しました。", "Linked."),
    "account_done.unlinked": ("連携をやめました。", "Unlinked."),
    "users_sso": ("統合認証のみ", "Single sign-on only"),
    "sso_no.state": (
        "この画面の有効期限が切れたか、別の画面で始めたログインです。もう一度ログインしてください。",
        "This sign-in is too old or was begun elsewhere. Please sign in again.",
    ),
    "sso_no.cancelled": (
        "統合認証でログインが完了しませんでした。もう一度試してください。",
        "The single sign-on did not finish. Please try again.",
    ),
    "sso_no.away": (
        "統合認証のサーバーに接続できません。急ぐときは、下のログイン名とパスワードを使ってください。",
        "The single sign-on does not answer. In a hurry, use a login name and password below.",
    ),
    "sso_no.code": (
        "統合認証の確認に失敗しました。もう一度ログインしてください。続くときは管理者に時刻を伝えてください。",
        "The single sign-on could not be confirmed. Sign in again; if it stays, tell an administrator the time.",
    ),
    "sso_no.token": (
        "統合認証からの応答を確認できませんでした。もう一度試し、続くときは管理者に時刻を伝えてください。",
        "The single sign-on's answer could not be trusted. Try again; if it stays, tell an administrator the time.",
    ),
    "sso_no.groups": (
        "所属グループが多すぎて、統合認証から伝わりませんでした。管理者に知らせてください。",
        "You are in too many groups for the single sign-on to tell. Tell an administrator.",
    ),
    "sso_no.no_role": (
        "このシステムを使えるグループに入っていません。管理者に頼んでください。",
        "None of your groups may use this system. Ask an administrator.",
    ),
    "sso_no.no_ward": (
        "担当区のグループに入っていません。管理者に頼んでください。",
        "None of your groups has a ward here. Ask an administrator.",
    ),
    "sso_no.no_account": (
        "このシステムにアカウントがありません。管理者に作成を頼んでください。",
        "You have no account here. Ask an administrator for one.",
    ),
    "sso_no.login_taken": (
        "同じログイン名のアカウントが既にあります。本人ならパスワードでログインし、「アカウント」から連携してください。",
        "An account of this name exists. If it is yours, sign in by password and link it under “Account”.",
    ),
    "sso_no.login_bad": (
        "統合認証のログイン名をこのシステムで使えません。管理者に知らせてください。",
        "Your name at the single sign-on can't be used here. Tell an administrator.",
    ),
    "sso_no.shut_out": (
        "このアカウントは停止されています。管理者に確認してください。",
        "This account is shut out. Ask an administrator.",
    ),
    "sso_no.wait": (
        "失敗が続いたため、少しの間受け付けません。しばらく待ってからもう一度試してください。",
        "Too many tries failed. Wait a while, then try again.",
    ),
}
