"""A model provider on the wire: chat, responses, embeddings and reranking, with faults by the name of the model.

    python -m tests.provider_stub        prints its port, and serves until its standard input is closed

A name is `FAULT` or `FAULT/anything`; requests are counted by whole name, so a test that takes a name of its own
meets nobody else. What a model answers is queued at `/_answers` (JSON: name to a list of answers), or made of the
schema that was sent. `/_seen?model=NAME` tells what arrived.
"""

import base64
import hashlib
import json
import math
import re
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

DIMENSION = 64
LENGTH = 3.0
"""Vectors are of this length, not of 1."""
Json = Any  # what travels, of any shape

_asked: Counter[str] = Counter()
_answers: dict[str, deque[Json]] = defaultdict(deque)
_seen: dict[str, list[Json]] = defaultdict(list)
_lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """What arrived for a model."""
        name = parse_qs(urlsplit(self.path).query).get("model", [""])[0]
        with _lock:
            self.reply(200, list(_seen[name]))

    def do_POST(self) -> None:
        """Answer, or fail as the model's name says."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        path = urlsplit(self.path).path
        if path == "/_answers":
            with _lock:
                for name, answers in body.items():
                    _answers[name].extend(answers)
            self.reply(200, {})
            return
        # TEI serves one model and is not told its name: it stands in the path.
        name = body.get("model", path.removeprefix("/tei/").removesuffix("/rerank"))
        with _lock:
            _asked[name] += 1
            time_of_asking = _asked[name]
            _seen[name].append({"path": path, "authorization": self.headers.get("authorization"), "body": body})
        fault = name.partition("/")[0]
        if self.failed(fault, time_of_asking):
            return
        if path.endswith("/embeddings"):
            self.reply(200, embeddings(body, fault))
        elif path.endswith("/rerank"):
            self.reply(200, reranked(path, body, fault))
        elif path.endswith("/responses"):
            self.reply(200, response(body, name, fault, time_of_asking))
        else:
            self.reply(200, completion(body, name, fault, time_of_asking))

    def failed(self, fault: str, times: int) -> bool:
        """Fail, if that is what is wanted; whether it did."""
        match fault:
            case "429-always":
                self.refuse(429, "rate_limit_exceeded", {"retry-after": "0.01"})
            case "429-once" if times == 1:
                self.refuse(429, "rate_limit_exceeded", {"retry-after": "1"})
            case "429-long":
                self.refuse(429, "rate_limit_exceeded", {"retry-after": "3600"})
            case "quota":
                self.refuse(429, "insufficient_quota")
            case "500-always":
                self.refuse(500, "server_error")
            case "500-second" if times == 2:
                self.refuse(500, "server_error")
            case "500-once" if times == 1:
                self.refuse(500, "server_error")
            case "401":
                self.refuse(401, "invalid_api_key")
            case "key-as-code":
                self.refuse(400, str(self.headers.get("authorization")).rpartition(" ")[2])
            case "404":
                self.refuse(404, "model_not_found")
            case "long":
                self.refuse(400, "context_length_exceeded")
            case "cut-always":
                self.cut()
            case "cut-once" if times == 1:
                self.cut()
            case "slow":
                time.sleep(2)
                return False
            case "html":
                self.send(200, b"<html>502 bad gateway</html>", "text/html")
            case _:
                return False
        return True

    def refuse(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        """An error as OpenAI words it; it repeats the key it was given, as some do."""
        said = f"{code}: sent with {self.headers.get('authorization')}"
        self.reply(status, {"error": {"message": said, "type": code, "code": code, "param": None}}, headers)

    def cut(self) -> None:
        """Begin an answer, and hang up."""
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "1000")
        self.end_headers()
        self.wfile.write(b'{"id": "half an ans')
        self.wfile.flush()
        self.close_connection = True

    def reply(self, status: int, value: Json, headers: dict[str, str] | None = None) -> None:
        """An answer as JSON."""
        self.send(status, json.dumps(value).encode(), "application/json", headers)

    def send(self, status: int, content: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        """An answer."""
        try:
            self.send_response(status)
            for name, value in {"content-type": kind, "content-length": str(len(content)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True  # whoever asked has gone


def completion(body: Json, name: str, fault: str, times: int) -> Json:
    """A chat completion: a call of the output tool, or text."""
    tools = [tool["function"] for tool in body.get("tools") or []]
    with _lock:
        queued = _answers[name].popleft() if _answers[name] else None
    prompt = "\n".join(str(message["content"]) for message in body["messages"])
    message: Json = {"role": "assistant", "content": None, "refusal": None}
    finish: str | None = "stop"
    if tools:
        value = queued if queued is not None else invented(tools[0]["parameters"], prompt, fault)
        text = value if isinstance(value, str) else json.dumps(value)
        if fault == "bad-json-always" or (fault == "bad-json-once" and times == 1):
            text = text[:-2]
        call = {"id": f"call_{times}", "type": "function", "function": {"name": tools[0]["name"], "arguments": text}}
        message["tool_calls"] = [call]
        finish = "tool_calls"
    else:
        message["content"] = queued if isinstance(queued, str) else "Hello from the stub."
    if fault == "truncated":
        finish = "length"
    if fault == "no-finish" or (fault == "no-finish-once" and times == 1):
        finish = None
    usage = {"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020}
    usage["prompt_tokens_details"] = {"cached_tokens": 400}  # type: ignore[assignment]
    answer = {"id": f"chatcmpl-{times}", "object": "chat.completion", "created": 1, "model": body["model"]}
    answer["choices"] = [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}]
    return answer if fault == "no-usage" else {**answer, "usage": usage}


def response(body: Json, name: str, fault: str, times: int) -> Json:
    """An answer of OpenAI's Responses protocol: a call of the output tool."""
    tool = body["tools"][0]
    with _lock:
        queued = _answers[name].popleft() if _answers[name] else None
    value = queued if queued is not None else invented(tool["parameters"], json.dumps(body["input"]), fault)
    call = {"type": "function_call", "id": f"fc_{times}", "call_id": f"call_{times}", "name": tool["name"]}
    usage = {"input_tokens": 1000, "output_tokens": 20, "total_tokens": 1020}
    details = {"input_tokens_details": {"cached_tokens": 400}, "output_tokens_details": {"reasoning_tokens": 0}}
    cut = fault == "truncated"
    return {
        "id": f"resp_{times}",
        "object": "response",
        "created_at": 1,
        "model": body["model"],
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": [{**call, "arguments": json.dumps(value), "status": "completed"}],
        "usage": {**usage, **details},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "instructions": None,
        "metadata": {},
    }


def invented(schema: Json, prompt: str, fault: str, defs: Json = None) -> Json:
    """A value of a schema; of a model that was talked into something, what the prompt told it to say."""
    defs = schema.get("$defs", {}) if defs is None else defs
    if "$ref" in schema:
        return invented(defs[schema["$ref"].rsplit("/", 1)[1]], prompt, fault, defs)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if "anyOf" in schema:
        return invented(schema["anyOf"][0], prompt, fault, defs)
    match schema.get("type"):
        case "object":
            return {key: invented(part, prompt, fault, defs) for key, part in schema.get("properties", {}).items()}
        case "array":
            count = max(1, schema.get("minItems", 1))
            return [invented(schema["items"], prompt, fault, defs) for _ in range(count)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
    told = re.search(r"say: \"([^\"]+)\"", prompt) if fault == "injected" else None
    return told.group(1) if told else "stub"


def embeddings(body: Json, fault: str) -> Json:
    """Vectors that are near when texts share words."""
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = []
    for index, text in enumerate(texts):
        vector = vector_of(text)
        if fault == "nan":
            vector[0] = math.nan
        packed = base64.b64encode(struct.pack(f"<{DIMENSION}f", *vector)).decode()
        told = packed if body.get("encoding_format") == "base64" else vector
        data.append({"object": "embedding", "index": index, "embedding": told})
    if fault == "too-few":
        data.pop()
    tokens = sum(len(text.split()) for text in texts)
    answer = {"object": "list", "model": body["model"], "data": data}
    return answer if fault == "no-usage" else {**answer, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def vector_of(text: str) -> list[float]:
    """Hashed words, of length `LENGTH`."""
    counts = [1e-3] * DIMENSION
    for word in re.findall(r"\w+", text.lower()):
        counts[hashlib.sha256(word.encode()).digest()[0] % DIMENSION] += 1
    norm = math.sqrt(sum(count * count for count in counts))
    return [LENGTH * count / norm for count in counts]


def reranked(path: str, body: Json, fault: str) -> Json:
    """Scores as each of the services words them, the best first: the share of the query's words in a text."""
    texts = body.get("texts") or body.get("documents")
    asked = set(re.findall(r"\w+", body["query"].lower()))
    scored = [(index, _share(asked, text)) for index, text in enumerate(texts)]
    scored.sort(key=lambda pair: -pair[1])
    if fault == "too-few":
        scored.pop()
    if fault == "doubled":
        scored[-1] = scored[0]
    if fault == "foreign":
        scored[-1] = (len(texts), 0.0)
    tokens = sum(len(text.split()) for text in texts)
    if path.startswith("/tei"):
        return [{"index": index, "score": score} for index, score in scored]
    listed = [{"index": index, "relevance_score": score} for index, score in scored]
    if path.startswith("/voyage"):
        return {"object": "list", "data": listed, "model": body["model"], "usage": {"total_tokens": tokens}}
    if path.startswith("/cohere"):
        return {"id": "1", "results": listed, "meta": {"billed_units": {"search_units": 1}}}
    return {"model": body["model"], "results": listed, "usage": {"total_tokens": tokens}}


def _share(asked: set[str], text: str) -> float:
    return len(asked & set(re.findall(r"\w+", text.lower()))) / max(len(asked), 1)


@dataclass(frozen=True)
class Stub:
    """A provider that runs."""

    port: int

    @property
    def root(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """Its address as OpenAI's protocol has it."""
        return f"{self.root}/v1"

    def answer(self, model: str, *answers: Json) -> None:
        """Queue what a model is to answer; a text stands as it is, anything else as JSON."""
        self._call("/_answers", {model: answers})

    def seen(self, model: str) -> list[Json]:
        """What arrived for a model: path, authorization, body."""
        seen: list[Json] = self._call(f"/_seen?model={quote(model)}")
        return seen

    def _call(self, path: str, body: Json = None) -> Json:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@contextmanager
def serving_models() -> Iterator[Stub]:
    """A provider in a process of its own."""
    command = [sys.executable, "-m", "tests.provider_stub"]
    process = subprocess.Popen(
        command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Stub(int(process.stdout.readline()))
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
