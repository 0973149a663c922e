"""Convert one file after the other, in a process of its own: `python -P -m kapelle.evidence.convert`.

A request is a line of JSON (`suffix`, `size`, `seconds`) and as many bytes; an answer is a line of JSON: `text`, or
`why` it is none, or the `missing` extra. A file that makes this process hang or die takes no other along: see
`converters`.
"""

import importlib
import json
import os
import resource
import sys
from typing import BinaryIO

from kapelle.errors import UnreadableSource
from kapelle.evidence.package import check_package


def convert(suffix: str, content: bytes) -> dict[str, str]:
    """The answer for one file."""
    home = "pdf" if suffix == "pdf" else "office"
    try:
        if home == "office":
            check_package(content)
        module = importlib.import_module(f"kapelle.evidence.load_{home}")
        text: str = module.read_pdf(content) if home == "pdf" else module.read_office(content, suffix)
    except ImportError:
        return {"missing": home}
    except UnreadableSource as error:
        return {"why": str(error)}
    except MemoryError:
        return {"why": "it takes more memory than a conversion may (`KAPELLE_CORPUS__CONVERT_MEMORY`); split it"}
    return {"text": text.replace("\0", "").encode("utf-8", "replace").decode()}


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    while line := requests.readline():
        request = json.loads(line)
        _limit_time(request["seconds"])
        answer = convert(request["suffix"], requests.read(request["size"]))
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _limit_memory(megabytes: int) -> None:
    bound = megabytes * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(seconds: float) -> None:
    # Whoever asked kills this process when it takes too long; this is for when that one was killed itself.
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 2, resource.RLIM_INFINITY))


if __name__ == "__main__":
    _limit_memory(int(sys.argv[1]))
    # What a converter prints would be taken for an answer.
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, channel)
