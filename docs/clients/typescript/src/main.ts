// `node build/main.js URL BRAND [--trusted]`, the token in ARCHIPEL_TOKEN: joins a brand, writes a post and reads the
// home page with it; prints what was read as JSON.
import { Client, Failure } from './client.js';
import { FindDocument, HomeDocument, JoinDocument, PublishDocument } from './generated/graphql.js';
import type { HomeQuery } from './generated/graphql.js';

async function home(client: Client, brand: string): Promise<NonNullable<HomeQuery['brand']>> {
  const found = (await client.run(HomeDocument, { brand, now: new Date().toISOString() })).brand;
  if (!found) throw new Failure('NOT_FOUND', brand);
  return found;
}

async function main(url: string, slug: string, trusted: boolean, token: string): Promise<void> {
  const client = new Client({ url, token, trusted });
  const { brand } = await client.run(FindDocument, { brand: slug });
  if (!brand) throw new Failure('NOT_FOUND', slug);

  // The same commandId again changes nothing, so that a client may repeat what it is not sure of.
  const join = { input: { brandId: brand.id, displayName: 'Tess', commandId: 'typescript-join' } };
  client.accepted((await client.run(JoinDocument, join)).joinBrand);

  const space = (await home(client, slug)).spaces?.nodes[0];
  if (!space) throw new Failure('NOT_FOUND', 'a space');
  const post = { input: { spaceId: space.id, title: 'Hello', body: 'From TypeScript.', commandId: 'typescript-post' } };
  client.accepted((await client.run(PublishDocument, post)).publishPost);

  const { name, memberCount, viewer, posts, events, ideas } = await home(client, slug);
  const titles = posts?.nodes.map((one) => `${one.title} by ${one.author?.displayName ?? 'the platform'}`);
  console.log(JSON.stringify({
    name,
    memberCount,
    viewer: viewer?.displayName,
    posts: titles,
    events: events?.nodes.map((one) => one.title),
    ideas: ideas?.nodes.map((one) => one.title),
  }));
}

const [url, brand, flag] = process.argv.slice(2);
const token = process.env['ARCHIPEL_TOKEN'];
if (!url || !brand || !token) throw new Error('usage: ARCHIPEL_TOKEN=… node build/main.js URL BRAND [--trusted]');
await main(url, brand, flag === '--trusted', token);
