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
 * @param {{body?: object, token?: string, keepalive?: boolean}} [options] keepalive: finish even if the page goes away
 */
export async function request(method, url, { body, token, keepalive = false } = {}) {
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
      keepalive,
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

/**
 * The time until then as a clock shows it: 0:08, 14:59, 1:00:00.
 * @param {number} until ms since 1970
 */
export function countdown(until) {
  const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60];
  if (seconds >= 3600) parts.unshift(Math.floor(seconds / 3600));
  return parts.map((n, i) => (i ? String(n).padStart(2, "0") : n)).join(":");
}

function parse(text) {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
