"""The nightly report at the command line: ``python -m clients.nightly_report --help``."""

from datetime import date, datetime, timedelta
from pathlib import Path

import click

from clients.nightly_report.club import Club, ShutOut, TryLater
from clients.nightly_report.folder import ReportFolder
from clients.nightly_report.listener import Listener
from clients.nightly_report.night import Outcome, run
from clients.relying_party import clock, logs


@click.command(context_settings={"auto_envvar_prefix": "NIGHTLY_REPORT"})
@click.option("--issuer", default="http://localhost:8000", show_default=True, help="Address of the server.")
@click.option("--mypage", default="http://localhost:8001", show_default=True, help="Address of マイページ.")
@click.option("--client-id", required=True, help="As システム連携 shows it.")
@click.option("--key-file", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="The system's private key, as JWK or PEM.")  # fmt: skip
@click.option("--folder", default="reports", show_default=True, type=click.Path(path_type=Path),
              help="Where the reports are written.")  # fmt: skip
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Which day; default: yesterday, in Japan.")
@click.option("--listen", metavar="HOST:PORT", help="Receive events instead, until stopped.")
def main(
    issuer: str, mypage: str, client_id: str, key_file: Path, folder: Path, day: datetime | None,
    listen: str | None,
) -> None:  # fmt: skip
    """Write the power data of a day for the owners who allow it, and forget those who do not any more."""
    key = key_file.read_text(encoding="utf-8")
    club = Club(issuer, client_id=client_id, private_key=key, mypage=mypage)
    reports = ReportFolder(folder)
    if listen:
        _listen(listen, club, reports)
        return
    try:
        later = _report(club, reports, day.date() if day else _yesterday())
    except ShutOut as error:
        words = "このシステムは接続できません。システム連携の登録と鍵をご確認ください"
        raise click.ClickException(f"{words}（{error}）。") from error
    except TryLater as error:
        raise click.ClickException(
            f"サーバーが応答しません。あとでもう一度お試しください（{error}）。"
        ) from error
    raise SystemExit(2 if later else 0)


def _report(club: Club, reports: ReportFolder, day: date) -> bool:
    """Write the report; tell whether somebody's is missing and worth another try."""
    counts = dict.fromkeys(Outcome, 0)
    for told in run(club, reports, day):
        counts[told.outcome] += 1
        click.echo(f"{told.who}  {told.outcome}" + (f"：{told.detail}" if told.detail else ""))
    click.echo(
        f"{day.isoformat()}：読み取り{counts[Outcome.READ]}名、許可なし{counts[Outcome.NOT_ALLOWED]}名、"
        f"あとで{counts[Outcome.LATER]}名、削除{counts[Outcome.FORGOTTEN]}名"
    )
    return counts[Outcome.LATER] > 0


def _yesterday() -> date:
    return clock.now().astimezone(clock.JST).date() - timedelta(days=1)


def _listen(where: str, club: Club, reports: ReportFolder) -> None:
    logs.configure()
    host, _, port = where.rpartition(":")
    if not port.isdigit():
        raise click.BadParameter("must be like 127.0.0.1:8090", param_hint="--listen")
    with Listener((host.strip("[]") or "127.0.0.1", int(port)), club, reports) as listener:
        click.echo(f"{where} でお知らせを待っています。Ctrl-C で終わります。")
        try:
            listener.serve_forever()
        except KeyboardInterrupt:
            click.echo("")


if __name__ == "__main__":
    main()
