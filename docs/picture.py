"""Draw docs/demo.svg: what `kapelle demo` shows, recorded from a real run.

python docs/picture.py
"""

import asyncio
import io
import tempfile
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from kapelle import Orchestrator, Settings
from kapelle.cli.demo import CONTEXT, PROMPT
from kapelle.cli.live import LiveRun
from kapelle.cli.report import print_answer

# The stock template fetches a font from the web; a picture in a README should fetch nothing.
TEMPLATE = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px;
  line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""


async def draw(file: Path) -> None:
    """Run the demo's task and write what it shows."""
    console = Console(record=True, width=118, force_terminal=True, file=io.StringIO(), highlight=False)
    with tempfile.TemporaryDirectory() as home:
        async with Orchestrator(settings=Settings(home=Path(home))) as house:
            run = await house.start({"prompt": PROMPT, "context": CONTEXT})
            record = await run.wait()
            live = LiveRun(record.plan, headline="run")
            async for event in run.events(follow=False):
                live.feed(event)
    console.print(Text("$ kapelle demo", style="bold green"))
    console.print(Padding(Text(PROMPT, style="bold"), (1, 2)))
    console.print(Padding(live.tree(), (0, 2)))
    print_answer(console, record)
    file.write_text(console.export_svg(title="kapelle", code_format=TEMPLATE, unique_id="demo"), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(draw(Path(__file__).with_name("demo.svg")))
