"""`befit feedback`: say what an answer was worth; take what was said as evaluation cases."""

from __future__ import annotations

import click
import msgspec

from befit.catalog import Workspace
from befit.cli.options import example, json_option, workspace_option
from befit.cli.output import Document, counted, print_json, say
from befit.cli.session import open_session, perform, run

_RATINGS = ("useful", "wrong", "outdated")
_GIVE = "give"


class _Kept(msgspec.Struct):
    """What is printed of feedback that was kept."""

    decision_id: str
    rating: str
    is_case: bool


class _Page(msgspec.Struct):
    cases: list[msgspec.Raw]
    next: str | None = None


class _Feedback(click.Group):
    """A decision may stand where a subcommand's name does: `give` is then meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click, `give` being what is done to a decision."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            return _GIVE, self.commands[_GIVE], args
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Feedback,
    epilog=example(
        "befit feedback dec_0192.. useful",
        "befit feedback dec_0192.. wrong --note 'the 2024 rules say 30 days'",
        "befit feedback cases --workflow ask-documents > cases.jsonl",
    ),
)
def command() -> None:
    """Say what an answer was worth: useful, wrong or outdated.

    `befit feedback DECISION useful` is short for `befit feedback give DECISION useful`.
    """


@command.command(_GIVE, epilog=example("befit feedback give dec_0192.. outdated"))
@click.argument("decision_id", metavar="DECISION")
@click.argument("rating", type=click.Choice(_RATINGS))
@click.option("--note", metavar="TEXT", help="What is wrong, or what would be right.")
@click.option(
    "--passage",
    "passages",
    multiple=True,
    metavar="ID",
    help="The passage that is meant, of those it gave; several are fine. Default: all of it.",
)
@click.option(
    "--as",
    "acting_as",
    metavar="USER[:GROUP,GROUP..]",
    help="Say it as this reader, without the administrator's rights.",
)
@json_option
@workspace_option
def give(
    workspace: Workspace,
    decision_id: str,
    rating: str,
    note: str | None,
    passages: tuple[str, ...],
    acting_as: str | None,
    as_json: bool,
) -> None:
    """Rate what a decision gave; kept in the ledger beside it.

    Who asked may, and who may decide on answers of its workflow.
    """
    params = {"id": decision_id, "rating": rating, "note": note, "passages": passages}
    document = perform(workspace, "feedback.give", params, acting_as=acting_as)
    kept = msgspec.convert(document, _Kept)
    if as_json:
        print_json(document)
    becomes = " · becomes an evaluation case" if kept.is_case else ""
    say(f"{kept.rating}: kept with decision {kept.decision_id}{becomes}")


@command.command(epilog=example("befit feedback cases --workflow ask-documents > cases.jsonl"))
@click.option("--workflow", help="Of this workflow alone. Default: all, searches included.")
@json_option
@workspace_option
def cases(workspace: Workspace, workflow: str | None, as_json: bool) -> None:
    """Print what was said as evaluation cases, a JSON object a line.

    `input` is the question. `meta.relevant` names the documents that somebody found right;
    where what was given was wrong or outdated the case is flagged, for somebody to write what
    is `expected`.
    """
    found: list[msgspec.Raw] = []

    async def pages() -> None:
        after = ""
        async with open_session(workspace) as session:
            while True:
                document = await session.call(
                    "feedback.cases", {"workflow": workflow, "after": after}
                )
                page = _page(document)
                if not as_json:
                    for case in page.cases:
                        click.echo(bytes(case).decode())
                found.extend(page.cases)
                if page.next is None:
                    return
                after = page.next

    run(pages())
    if as_json:
        print_json({"cases": found})
    say(counted(len(found), "case"))


def _page(document: Document) -> _Page:
    return msgspec.json.decode(msgspec.json.encode(document), type=_Page)
