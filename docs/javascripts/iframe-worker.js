// Browsers start no worker for a page that was opened from disk. There the
// search runs in a hidden frame, which both sides take for a worker.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.scope = frame.contentWindow;
      const page = this.scope.document;
      page.open();
      page.write("<!doctype html><body></body>");
      page.close();
      this.scope.postMessage = (data) => {
        const copy = structuredClone(data);
        this.dispatchEvent(new MessageEvent("message", { data: copy }));
      };
      const script = page.createElement("script");
      script.src = url;
      this.started = new Promise((resolve) => (script.onload = resolve));
      page.body.append(script);
    }

    postMessage(data) {
      const copy = structuredClone(data);
      this.started.then(() => {
        this.scope.dispatchEvent(new MessageEvent("message", { data: copy }));
      });
    }
  };
}
