import stat
from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from libs.cli.data_folder import DataFolder
from libs.cli.issuer import AUDIENCE, InvalidTokenRequest, Issuer, application
from libs.cli.problems import CannotRun

URL = "http://127.0.0.1:9000"
IDENTIFIER = "http://127.0.0.1:8999"


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


@pytest.fixture
def issuer(folder: DataFolder) -> Issuer:
    return Issuer.kept_in(folder, IDENTIFIER)


@pytest.fixture
def client(issuer: Issuer) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=application(issuer, URL)), base_url=URL)


def claims_of(token: str, keys: dict[str, object]) -> dict[str, object]:
    found = jwt.decode(token, KeySet.import_key_set(keys), algorithms=["ES256"])  # type: ignore[arg-type]
    assert found.header["typ"] == "at+jwt"
    return found.claims


def test_the_key_survives_a_restart_and_only_its_owner_reads_it(folder: DataFolder, issuer: Issuer) -> None:
    again = Issuer.kept_in(folder, IDENTIFIER)
    assert again.public_keys() == issuer.public_keys()
    assert claims_of(again.token("ada"), issuer.public_keys())["sub"] == "ada"
    assert stat.S_IMODE((folder.root / "issuer.jwk").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"kty":"EC","crv":"P-256","x":"a","y":"b"}'])
def test_a_damaged_key_is_one_clear_line(folder: DataFolder, content: bytes) -> None:
    folder.write("issuer.jwk", content)
    with pytest.raises(CannotRun, match=r"issuer\.jwk is damaged"):
        Issuer.kept_in(folder, IDENTIFIER)


def test_no_private_part_is_published(issuer: Issuer) -> None:
    (key,) = issuer.public_keys()["keys"]
    assert key["alg"] == "ES256"
    assert key["kid"]
    assert "d" not in key


@pytest.mark.parametrize("subject", ["", "  ", "x" * 256])
def test_an_impossible_subject_is_refused(issuer: Issuer, subject: str) -> None:
    with pytest.raises(InvalidTokenRequest, match="1 to 255 characters"):
        issuer.token(subject)


async def test_a_client_finds_its_way_from_discovery_to_a_valid_token(client: httpx.AsyncClient) -> None:
    discovery = (await client.get("/.well-known/openid-configuration")).json()
    assert discovery["issuer"] == IDENTIFIER
    answer = await client.post(discovery["token_endpoint"], data={"subject": "ada", "name": "Ada Lovelace"})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["token_type"] == "Bearer"
    keys = (await client.get(discovery["jwks_uri"])).json()
    claims = claims_of(answer.json()["access_token"], keys)
    assert claims["iss"] == IDENTIFIER
    assert claims["aud"] == AUDIENCE
    assert (claims["sub"], claims["name"]) == ("ada", "Ada Lovelace")
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == answer.json()["expires_in"]


@pytest.mark.parametrize("body", [b"", b"subject=", b"nothing", b"\xff", b"subject=" + b"x" * 20_000])
async def test_a_bad_token_request_is_refused_as_oauth_says(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/token", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


async def test_a_foreign_host_name_gets_no_token(client: httpx.AsyncClient) -> None:
    answer = await client.post("/token", data={"subject": "ada"}, headers={"Host": "evil.example:9000"})
    assert answer.status_code == 400
    assert "access_token" not in answer.text
