"""`befit serve`: the endpoint, until it is told to stop."""

from __future__ import annotations

import asyncio

import click

from befit.catalog import Workspace
from befit.cli.options import example, workspace_option
from befit.cli.output import say, table
from befit.gateway.serving import Announcement, Supervisor


@click.command(epilog=example("befit serve", "befit serve --host 0.0.0.0 --port 8080"))
@click.option("--host", help="Where to listen; default: befit.yaml's, else this machine alone.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.")
@workspace_option
def command(workspace: Workspace, host: str | None, port: int | None) -> None:
    """Serve the OpenAI-compatible endpoint.

    Nothing is ever downloaded here. Ctrl-C lets open answers end; a second one hurries them.
    """
    supervisor = Supervisor(workspace, announce=_announce, tell=say, host=host, port=port)
    asyncio.run(supervisor.run())


def _announce(told: Announcement) -> None:
    if told.recovered:
        say(told.recovered)
    base = f"{told.url}/v1"
    rows = [(card.name, card.zone, card.size, card.via) for card in told.models]
    click.echo(f"Befit serves {base}")
    click.echo(f"workflows: {', '.join(told.workflows) or 'none'}\n")
    click.echo(table(("model", "zone", "size", "via"), rows) if rows else "no models yet")
    click.echo(_SNIPPET.format(base=base))


_SNIPPET = """
Make a key, in another terminal:
  befit keys create NAME

Then, with the openai client:
  from openai import OpenAI
  client = OpenAI(base_url="{base}", api_key="befit_..")
  answer = client.chat.completions.create(
      model="auto", messages=[{{"role": "user", "content": "Hello"}}])
  print(answer.choices[0].message.content)
"""
