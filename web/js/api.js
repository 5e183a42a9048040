// Calls to the server over plain HTTP. Every failure, the network's too, comes out as one kind of error: a Problem.
// Which calls exist stands in session.js; this file knows how a call is made.

const TIMEOUT = 15_000; // ms

/** An answer that says no, or no answer at all. The server's errors are RFC 9457 problem details. */
export class Problem extends Error {
  /**
   * @param {{status?: number, code?: string, title?: string, detail?: string, request_id?: string,
   *   errors?: {field: string, detail: string}[]}} body
   * @param {number} retryAfter seconds; 0 if the server named no wait
   */
  constructor(body, retryAfter = 0) {
    super(body.detail || body.title || `The server answered ${body.status} and did not say why.`);
    this.status = body.status ?? 0; // 0: no answer
    this.code = body.code ?? "";
    this.errors = body.errors ?? [];
    this.retryAfter = retryAfter;
  }

  /** The message for people, with the wait if there is one. */
  get sentence() {
    return this.retryAfter > 0 ? `${this.message} You can try again in ${inWords(this.retryAfter)}.` : this.message;
  }
}

/**
 * One call. Resolves to the JSON of a 2xx answer (undefined for 204), rejects with a Problem for anything else.
 * @param {string} method
 * @param {string|URL} url
 * @param {{body?: object, token?: string}} [options]
 */
export async function request(method, url, { body, token } = {}) {
  const headers = {};
  if (body) headers["Content-Type"] = "application/json";
  if (token) headers["Authorization"] = `Bearer ${token}`;

  let response, text;
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    text = await response.text();
  } catch {
    throw new Problem({ code: "no_answer", detail: "The server did not answer. Is it running, and are you online?" });
  }

  const answer = parse(text);
  if (response.ok) return answer;
  // Whatever stands between us and the server may answer in HTML: then only the status is worth anything.
  throw new Problem({ ...answer, status: response.status }, Number(response.headers.get("Retry-After")) || 0);
}

/**
 * A number of seconds as people say it.
 * @param {number} seconds
 */
export function inWords(seconds) {
  const [n, unit] = seconds < 90 ? [Math.ceil(seconds), "second"] : [Math.ceil(seconds / 60), "minute"];
  return `${n} ${unit}${n === 1 ? "" : "s"}`;
}

function parse(text) {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
