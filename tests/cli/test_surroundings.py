"""`kapelle config`: every setting, and no secret in any form."""

import pytest

from kapelle.cli.main import run

URLS = {
    "KAPELLE_APPROVALS__WEBHOOK_URL": "https://ann:hunter22@hooks.example/x?token=hunter23&kind=a",
    "KAPELLE_TELEMETRY__OTLP_ENDPOINT": "http://ann:hunter22@phoenix:4317/?key=hunter23",
    "KAPELLE_COMPANY__JIRA_BASE_URL": "http://hunter22@jira/?api_key=hunter23",
    "KAPELLE_LLM__BASE_URL": "http://127.0.0.1:8000/v1?sig=hunter23",
    "KAPELLE_DATABASE_URL": "postgresql://ann:hunter22@db/kapelle?sslpassword=hunter23",
}


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_no_url_shows_who_logs_in_or_what_its_query_hides(
    form: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, url in URLS.items():
        monkeypatch.setenv(name, url)
    monkeypatch.setenv("KAPELLE_APPROVALS__WEBHOOK_SECRET", "whsec_hunter24")
    assert run(["config", *form]) == 0
    told = capsys.readouterr().out
    assert "hunter2" not in told
    for name in URLS:
        assert name in told
