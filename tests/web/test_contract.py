"""The description held against the application: whatever fits it, or does not, gets an answer that it names."""

import json
from typing import Any, TypeAlias

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.web.conftest import Site
from tests.web.serving import ask

Operation: TypeAlias = APIOperation[Any, Any, Any, Any]

CALM = settings(
    max_examples=40,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def described(site: Site) -> OpenApiSchema:
    schema = schemathesis.openapi.from_dict(json.loads(ask(site.port, "GET", "/openapi.json").text))
    schema.config.update(base_url=f"http://127.0.0.1:{site.port}")
    return schema


def hold(operation: Operation, mode: GenerationMode = GenerationMode.POSITIVE) -> None:
    """Ask whatever the mode thinks of; every answer must be one that the description names."""
    with requests.Session() as session:

        @CALM
        @given(operation.as_strategy(mode))
        def holds(case: Case[Any]) -> None:
            # Nothing that is made up is signed, so even the best data is refused.
            case.call_and_validate(session=session, excluded_checks=[positive_data_acceptance])

        holds()


def test_every_answer_to_what_fits_the_description_is_described(site: Site) -> None:
    for found in described(site).get_all_operations():
        assert isinstance(found, Ok)
        hold(found.ok())
    assert site.emitted() == []


def test_every_answer_to_news_that_do_not_fit_is_described(site: Site) -> None:
    hold(described(site)["/webhooks/sendgrid"]["POST"], GenerationMode.NEGATIVE)
    assert site.emitted() == []


def test_every_signed_body_of_the_described_form_is_taken_in(site: Site) -> None:
    operation = described(site)["/webhooks/sendgrid"]["POST"]

    @CALM
    @given(operation.as_strategy())
    def holds(case: Case[Any]) -> None:
        answer = site.post_news(json.dumps(case.body).encode())
        assert answer.status == 204

    holds()


def test_every_body_behind_a_good_link_unsubscribes(site: Site) -> None:
    operation = described(site)["/unsubscribe/{token}"]["POST"]
    token = site.link.rpartition("/")[2]

    with requests.Session() as session:

        @CALM
        @given(operation.as_strategy(path_parameters={"token": token}))
        def holds(case: Case[Any]) -> None:
            assert case.call(session=session).status_code == 200

        holds()
    assert site.emitted() == ["UserUnsubscribed"]
