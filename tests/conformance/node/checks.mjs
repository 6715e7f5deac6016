// How a suite is written here: named checks, run one after the other, whose outcomes are printed as JSON.

const SECONDS = 15;
const outcomes = [];

/** Runs `body`; `section` is where the protocol says what `name` says. */
export async function check(section, name, body) {
  try {
    await within(SECONDS, name, body());
    outcomes.push({ section, name, status: 'ok', reason: '' });
  } catch (error) {
    outcomes.push({ section, name, status: 'error', reason: String(error?.stack ?? error) });
  }
}

/** The promise's value, or an error when it takes longer. */
export function within(seconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Prints what came of the checks and ends the process. */
export function finish() {
  process.stdout.write(JSON.stringify(outcomes), () => process.exit(0));
}
