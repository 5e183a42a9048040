// A page cannot choose its Origin. But a sandboxed frame has none: whatever it opens says "Origin: null".

const PATIENCE = 15_000; // ms

/**
 * Does what new WebSocket(url, protocols) does, on a page of a foreign origin.
 * @returns {Promise<{origin: string, code: number, reason: string}>}
 */
export async function fromForeignOrigin(url, protocols) {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.title = "A page of another origin";
  frame.hidden = true;
  const script = document.createElement("script");
  script.src = new URL("foreign.js", import.meta.url);
  frame.srcdoc = script.outerHTML;
  const ready = nextMessage(frame);
  document.body.append(frame);
  try {
    await ready;
    const outcome = nextMessage(frame);
    frame.contentWindow.postMessage({ url: String(url), protocols }, "*"); // it has no origin to name
    return await outcome;
  } finally {
    frame.remove();
  }
}

function nextMessage(frame) {
  return new Promise((resolve, reject) => {
    const end = new AbortController();
    const timer = setTimeout(() => {
      end.abort();
      reject(new Error("This browser did not run the script of a sandboxed frame."));
    }, PATIENCE);
    addEventListener("message", ({ source, data }) => {
      if (source !== frame.contentWindow) return;
      clearTimeout(timer);
      end.abort();
      resolve(data);
    }, { signal: end.signal });
  });
}
