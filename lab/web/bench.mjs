// What every check needs: to open the game, to ask it how it is, to wait, and to say what came of it.
//
// Flow: play.mjs, dark.mjs, hands.mjs, page.mjs, secure.mjs, weather.mjs -> here -> the page, standard output.

export const artifacts = "artifacts/web";

/** How long anything may take that is not measured: a machine without a graphics card draws slowly. */
const PATIENCE = 90_000;
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

let failed = 0;

/** Says whether something holds, and what was seen. */
export function check(holds, what, seen = "") {
  console.log(`${holds ? "ok  " : "FAIL"}  ${what}${seen === "" ? "" : `: ${seen}`}`);
  if (!holds) failed += 1;
}

/** Returns how many things did not hold. */
export const failures = () => failed;

/**
 * Opens the game in a page and keeps the errors that its console tells. `kind` is what the page runs on, `before` a function that the page
 * runs before anything else.
 */
export async function open(browser, address, kind = { viewport: { width: 1280, height: 720 } }, before = () => {}) {
  const page = await browser.newPage(kind);
  await page.addInitScript(before);
  const said = [];
  // A link over HTTP that ends answers its last question with 410, and with 404 a moment later, which the browser writes down.
  const goodbye = (message) => message.location().url.includes("/v1/link/http/") && /410|404/.test(message.text());
  page.on("console", (message) => message.type() === "error" && !goodbye(message) && said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(address);
  return { page, said };
}

/**
 * Returns what a console said that has nothing to do with a pulled cable: behind one a dial over WebTransport finds nobody, which the
 * browser writes down also when the page has long given it up.
 */
export const apartFromTheCable = (said) => said.filter((text) => !text.includes("/v1/link: net::ERR_QUIC_PROTOCOL_ERROR.QUIC_NETWORK_IDLE_TIMEOUT"));

/** Changes what the lobby tells a page of the doors: in the grant, and if `always` whenever it is asked again. */
export async function misleads(page, change, always = true) {
  const answers = async (route, doorsOf) => {
    const response = await route.fetch();
    const json = await response.json();
    change(doorsOf(json));
    await route.fulfill({ response, json });
  };
  await page.route("**/seats", (route) => answers(route, (grant) => grant.endpoints));
  if (always) await page.route("**/endpoints", (route) => answers(route, (endpoints) => endpoints));
}

/** Returns how the game is, by its own word. */
export async function status(page) {
  return JSON.parse(await page.evaluate(() => globalThis.crosswire?.status ?? "null"));
}

/** Waits until that holds, and returns how the game is then. */
export async function until(page, what, holds) {
  const end = Date.now() + PATIENCE;
  let seen = null;
  while (Date.now() < end) {
    seen = await status(page);
    if (seen && holds(seen)) return seen;
    if (seen?.failure) throw new Error(`${what}: ${seen.failure}`);
    await sleep(100);
  }
  throw new Error(`Waited in vain until ${what}. Last seen: ${JSON.stringify(seen)}`);
}

/** Waits until what is asked for comes out as `wanted`, and returns what came out at last. */
export async function eventually(ask, wanted) {
  const end = Date.now() + PATIENCE;
  let seen = await ask();
  while (seen !== wanted && Date.now() < end) {
    await sleep(100);
    seen = await ask();
  }
  return seen;
}

/** Waits until the game has drawn some frames more: what is held as long was noticed. */
export async function frames(page, count) {
  const { frames: before } = await status(page);
  await until(page, "frames are drawn", (now) => now.frames >= before + count);
}

export async function picture(page, name) {
  await page.screenshot({ path: `${artifacts}/${name}.png` });
}
