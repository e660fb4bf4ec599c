"""`proxyfuse bench`: how fast models of yours run here, and how fast they could."""

import typer

from proxyfuse.cli.bench.kernels import kernels
from proxyfuse.cli.bench.latency import latency
from proxyfuse.cli.bench.throughput import throughput
from proxyfuse.cli.spread import spread

HELP = {"help_option_names": ["-h", "--help"]}

bench = typer.Typer(
    help="Time models here: the trio steered, against the base alone, in turn in one run.",
    epilog="Checked before it is timed; what is wrong is refused. A floor is the time to read the"
    " weights once without drafting ahead, at the rate of a plain read of memory in the same"
    " rounds; what a cache keeps and drafts that are kept may beat it.",
    context_settings=HELP,
    no_args_is_help=True,
    rich_markup_mode="rich",
)
for command in (latency, throughput, kernels):
    bench.command(context_settings=HELP)(spread(command))

__all__ = ["bench"]
