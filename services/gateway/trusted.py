"""Trusted documents: the GraphQL documents that clients registered when they were built, by the hash of their text.

A manifest is a JSON object `{"<sha256, lower-case hex>": "<document>"}`, as the persisted documents of graphql-codegen
(which writes `sha256:` before the hash) and Relay's `--persist-output` are; each client has one, `<client>.json`.
A request names a document by `documentId: "sha256:<hex>"` (GraphQL over HTTP, appendix "Persisted Documents").
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from graphql import GraphQLError

from libs.shared.settings import SettingsError

_PREFIX: Final = "sha256:"
_MANIFEST: Final = msgspec.json.Decoder(dict[str, str])


class DocumentNotFound(GraphQLError):
    """No client has registered a document under this identifier."""

    def __init__(self) -> None:
        super().__init__("no document is registered under this id", extensions={"code": "DOCUMENT_NOT_FOUND"})


class DocumentNotTrusted(GraphQLError):
    """Only registered documents run here."""

    def __init__(self) -> None:
        super().__init__(
            "only registered documents run here: send the documentId of one",
            extensions={"code": "DOCUMENT_NOT_TRUSTED"},
        )


class ManifestError(SettingsError):
    """A manifest cannot be used; the message names the file, and the document in it."""


class Trusted:
    """The registered documents of all clients."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._sources: dict[str, str] = {}

    def __len__(self) -> int:
        """How many documents there are."""
        return len(self._texts)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Each text, and where it was first registered: `<client>.json: <hash>`."""
        for key, text in self._texts.items():
            yield text, f"{self._sources[key]}: {key}"

    @classmethod
    def load(cls, folder: str) -> "Trusted":
        """All manifests of a folder; no folder holds none.  Raises `ManifestError`."""
        found = cls()
        if folder:
            if not Path(folder).is_dir():
                raise ManifestError(f"{folder}: there is no such folder of trusted documents")
            for path in sorted(Path(folder).glob("*.json")):
                found.add(path.name, path.read_bytes())
        return found

    def add(self, name: str, manifest: bytes) -> None:
        """Register the documents of one client; raises `ManifestError`."""
        try:
            documents = _MANIFEST.decode(manifest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ManifestError(f"{name}: not an object of documents by their sha256: {error}") from None
        for given, text in documents.items():
            key = given.removeprefix(_PREFIX)
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            if digest != key:
                raise ManifestError(f"{name}: {given[:80]} is not the sha256 of its document, which is {digest}")
            self._texts[key] = text
            self._sources.setdefault(key, name)

    def text(self, document_id: str) -> str:
        """The document that an identifier names; raises `DocumentNotFound`."""
        prefix, _, key = document_id.partition(":")
        text = self._texts.get(key) if f"{prefix}:" == _PREFIX else None
        if text is None:
            raise DocumentNotFound
        return text
