"""The screen of the display: ``python -m clients.display``."""

import io
import os
from pathlib import Path

import click
import segno

from clients.display.link import Codes, Link, NotLetIn, Tokens

SERVICES = {
    "watch": "見守りサービス",
    "weather_warning": "気象警報自動制御",
    "early_advisory": "早期注意情報自動制御",
    "ai_control": "AI自動制御",
}
REASONS = {
    "access_denied": "許可されませんでした。",
    "expired_token": "番号の期限が切れました。",
}


@click.command()
@click.option("--issuer", default="http://localhost:8000", show_default=True, help="Address of the server.")
@click.option("--client-id", default="display", show_default=True, help="How the display is registered.")
@click.option("--memory", type=click.Path(path_type=Path), help="File that keeps the display connected.")
def main(issuer: str, client_id: str, memory: Path | None) -> None:
    """Show a number and a QR code, wait for the owner, and show the owner's products."""
    link = Link(issuer, client_id=client_id)
    tokens = _remembered(link, memory) or _connect(link)
    if memory is not None:  # before anything else can fail: the token that stood there is used up
        remember(memory, tokens.refresh_token)
    show(link, tokens)


def _remembered(link: Link, memory: Path | None) -> Tokens | None:
    """Return new tokens for those that the display kept, or None where the owner has to be asked (again)."""
    if memory is None or not memory.exists():
        return None
    try:
        return link.renew(memory.read_text(encoding="ascii"))
    except NotLetIn:
        return None


def remember(memory: Path, refresh_token: str) -> None:
    """Keep the refresh token in a file that nobody else on this device can read."""
    descriptor = os.open(memory, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(refresh_token)


def _connect(link: Link) -> Tokens:
    while True:
        codes = link.ask()
        click.echo(invitation(codes))
        try:
            return link.wait(codes)
        except NotLetIn as refusal:
            click.echo(REASONS.get(refusal.error, f"つながりませんでした（{refusal.error}）。"))
            if refusal.error not in REASONS or not click.confirm("新しい番号を表示しますか", default=True):
                raise SystemExit(1) from refusal


def invitation(codes: Codes) -> str:
    """Return what the display shows while it waits."""
    picture = io.StringIO()
    segno.make(codes.address_with_code, error="m").terminal(picture, compact=True)
    return (
        f"\n  スマートフォンで {codes.address} を開いて、\n  この番号を入力してください。\n\n"
        f"      {codes.user_code}\n\n  または、QRコードを読み取ってください。\n{picture.getvalue()}\n"
        f"  番号は{codes.expires_in // 60}分間使えます。\n"
    )


def show(link: Link, tokens: Tokens) -> None:
    """Show whose display it is, and the products."""
    person = link.read(tokens, "/api/me/profile")
    click.echo(f"\n  {person['name']} 様\n")
    for product in link.read(tokens, "/api/me/products")["items"]:
        click.echo(f"  {product['model']}  {product['serial_number']}")
        for name, words in SERVICES.items():
            click.echo(f"      {words}：{'加入' if product['services'][name]['joined'] else '未加入'}")


if __name__ == "__main__":
    main()
