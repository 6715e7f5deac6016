"""The page behind the link in an invitation: it shows what is offered, changes nothing, and runs nothing."""

import re
from typing import Any

import pytest
from graphql import parse, validate
from opentelemetry.util.http import parse_excluded_urls

from libs.shared.domain import DomainError, Unavailable
from services.gateway.schema import build
from services.gateway.service import UNTRACED
from services.gateway.tests.world import World

LINK = "/invitations/b1.i1.c2VjcmV0"
HOSTILE = "<script>alert(1)</script>"
THEME = {"background": "#101010", "text": "#fefefe", "accent": "#ffcc00", "accent_text": "#000000"}


def offering(gateway: World, *, rules: str | None = None, brand: dict[str, Any] | None = None, **offer: Any) -> None:
    known = {"id": "b1", "name": "Léa & <Co>", "locale": "en", "description": "Boats", "theme": THEME, **(brand or {})}
    text = rules and {"part": "rules", "edition": 7, "text": rules, "published_at": "2026-01-02T03:04:05Z"}
    gateway.bus.answers |= {
        "members.invitation_offer": lambda _: {
            "brand_id": "b1", "role": "member", "status": "pending", "url": None, **offer
        },
        "members.brands_get_many": lambda _: [known],
        "members.charter_of_brand": lambda _: {"manifesto": None, "rules": text},
    }  # fmt: skip


async def test_who_has_no_app_of_the_brand_sees_what_to_do(gateway: World) -> None:
    offering(gateway, rules="Be kind.")
    page = await gateway.client.get(LINK)
    assert page.status_code == 200
    assert "You are invited to join the community Léa &amp; &lt;Co&gt;." in page.text and "#ffcc00" in page.text
    assert "Boats" in page.text and "Be kind." in page.text
    assert "<code>b1.i1.c2VjcmV0</code>" in page.text
    asked = {"brand": "_", "viewer": "anonymous", "token": "b1.i1.c2VjcmV0"}
    assert ("members.invitation_offer", asked) in gateway.bus.asked


@pytest.mark.parametrize("rules", [None, "Be kind."])
async def test_the_operation_that_it_shows_is_one(gateway: World, rules: str | None) -> None:
    offering(gateway, rules=rules)
    page = await gateway.client.get(LINK)
    shown = re.search(r"<pre>(.*)</pre>", page.text, re.DOTALL)
    assert shown is not None
    operation = shown[1].replace("&#34;", '"')
    assert validate(build()._schema, parse(operation)) == []
    assert ("acceptedRules: 7" in operation) == (rules is not None)


async def test_a_brand_with_web_pages_takes_it_there(gateway: World) -> None:
    offering(gateway, url="https://boats.example/invitations/b1.i1.c2VjcmV0")
    page = await gateway.client.get(LINK)
    assert 'href="https://boats.example/invitations/b1.i1.c2VjcmV0"' in page.text
    assert "<code>" not in page.text, "nothing to copy"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_nothing_is_done_by_a_link(gateway: World, method: str) -> None:
    offering(gateway)
    assert (await gateway.client.request("HEAD", LINK)).status_code == 200
    assert (await gateway.client.request(method, LINK)).status_code == 405
    assert gateway.bus.sent == []


@pytest.mark.parametrize(
    ("status", "said"), [("accepted", "already joined"), ("revoked", "was taken back"), ("expired", "ran out")]
)
async def test_what_is_over_says_so_and_hands_nothing_over(gateway: World, status: str, said: str) -> None:
    offering(gateway, status=status, rules="Be kind.")
    page = await gateway.client.get(LINK)
    assert page.status_code == 200 and said in page.text
    assert "c2VjcmV0" not in page.text and "Be kind." not in page.text


async def test_the_page_loads_nothing_and_runs_nothing(gateway: World) -> None:
    offering(gateway, rules=HOSTILE, brand={"name": HOSTILE, "description": HOSTILE})
    page = await gateway.client.get(LINK)
    policy = page.headers["content-security-policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce and f'<style nonce="{nonce[1]}">' in page.text
    assert policy.startswith("default-src 'none'; ")
    assert page.headers["cache-control"] == "no-store" and page.headers["referrer-policy"] == "no-referrer"
    assert "<script" not in page.text and page.text.count("&lt;script&gt;") == 6


async def test_the_words_are_the_browsers_own_or_the_brands(gateway: World) -> None:
    offering(gateway, brand={"locale": "fr-CA"})
    for wanted, said in (("", "Vous êtes invité"), ("de", "Vous êtes invité"), ("en-GB,fr;q=0.8", "You are invited")):
        page = await gateway.client.get(LINK, headers={"Accept-Language": wanted})
        assert said in page.text


@pytest.mark.parametrize("code", ["INVALID_INVITATION", "INVALID", "NOT_FOUND"])
async def test_what_is_no_invitation_says_so(gateway: World, code: str) -> None:
    offering(gateway)

    def refuse(_: dict[str, Any]) -> None:
        raise DomainError(code, "no")

    gateway.bus.answers["members.invitation_offer"] = refuse
    page = await gateway.client.get(LINK, headers={"Accept-Language": "fr"})
    assert page.status_code == 404 and "Ceci n’est pas une invitation" in page.text
    assert (await gateway.client.get(f"{LINK}%0d%0aSet-Cookie:a")).status_code == 404


async def test_a_service_that_is_away_is_said_with_a_code(gateway: World) -> None:
    def away(_: dict[str, Any]) -> None:
        raise Unavailable("away")

    gateway.bus.answers["members.invitation_offer"] = away
    answer = await gateway.client.get(LINK)
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


@pytest.mark.parametrize("path", [LINK, "/mail/some.signed.token", "/healthz", "/readyz"])
def test_what_opens_a_door_stands_in_no_trace(path: str) -> None:
    untraced = parse_excluded_urls(UNTRACED)
    assert untraced.url_disabled(f"https://community.example{path}")
    assert not untraced.url_disabled("https://community.example/graphql")
