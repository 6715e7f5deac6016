// `node generate.mjs [MANIFEST]`: types and documents from the schema and ../operations, and the manifest of trusted
// documents, ../trusted/typescript.json unless told otherwise.
// The same is what `graphql-codegen` does with the preset `client`, `documentMode: string` and `persistedDocuments`.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { preset } from '@graphql-codegen/client-preset';
import { codegen } from '@graphql-codegen/core';
import { parse } from 'graphql';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const manifest = process.argv[2] ?? at('../trusted/typescript.json');
const source = (location) => {
  const rawSDL = readFileSync(location, 'utf8');
  return { location, rawSDL, document: parse(rawSDL) };
};
const operations = readdirSync(at('../operations')).sort().map((name) => at(`../operations/${name}`));

const sections = await preset.buildGeneratesSection({
  baseOutputDir: at('src/generated/'),
  schema: source(at('../../../services/gateway/schema.graphql')).document,
  documents: operations.map(source),
  config: {
    documentMode: 'string',
    enumsAsTypes: true,
    scalars: { DateTime: 'string', Date: 'string' },
    useTypeImports: true,
  },
  presetConfig: {
    fragmentMasking: false,
    persistedDocuments: { mode: 'embedHashInDocument', hashAlgorithm: 'sha256' },
  },
  plugins: [],
  pluginMap: {},
});

for (const section of sections) {
  const path = { 'graphql.ts': section.filename, 'persisted-documents.json': manifest }[
    basename(section.filename)
  ];
  if (path === undefined) continue; // the rest finds documents in source files, where there are none
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${await codegen(section)}\n`);
}
