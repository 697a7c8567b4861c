// The calls of one browser at Fanfare's device-api, and what the browser keeps for them.
// No library and no DOM: the same file serves any site.

/** What the server refused for good. `code` is stable, `message` is for people. */
export class Refused extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** What may go better later; `seconds` is how long to wait. */
export class Away extends Error {
  constructor(why, seconds) {
    super(why);
    this.seconds = seconds;
  }
}

const REFRESH_MILLISECONDS = 7 * 24 * 3600 * 1000;
const PATIENCE = 5;

export class Fanfare {
  constructor(config, store = new Store()) {
    this.config = config;
    this.store = store;
    this.devices = `${config.gateway}/device-api/v1/devices`;
  }

  /** What is known of this browser: `withdrawn` after a no, `address` while it is pushed to. */
  async kept() {
    return (await this.store.read()) ?? this.begin();
  }

  /** At every visit, with the push address as it is now. Asks nothing while nothing is new. */
  async refresh(address) {
    const kept = await this.kept();
    if (kept.withdrawn) return kept.untold ? this.withdraw() : undefined;
    const isFresh = kept.registered && Date.now() - kept.refreshedAt < REFRESH_MILLISECONDS;
    if (!isFresh) await this.register(address);
    else if (kept.address !== address) await this.moved(kept, address);
  }

  /** The push service changed the address. */
  async moved(kept, address) {
    try {
      await this.send("POST", this.own(kept, "/token"), { kind: "fcm", value: address }, kept.secret);
      await this.keep({ ...kept, address });
    } catch (refusal) {
      if (!isUnknown(refusal)) throw refusal;
      await this.register(address);
    }
  }

  /** A person said yes: register, and where they had said no before, take that back. */
  async allow(address) {
    const { withdrawn } = await this.kept();
    const kept = await this.register(address);
    if (!withdrawn) return;
    await this.send("POST", this.own(kept, "/consent"), { consent: true }, kept.secret);
    await this.send("POST", this.own(kept, "/token"), { kind: "fcm", value: address }, kept.secret);
    await this.keep({ ...kept, withdrawn: false });
  }

  /** A person said no: nothing is sent any more, and the server forgets the push address. It holds
   * at once; what the server could not be told now, it is told at the next visit. */
  async withdraw() {
    const kept = { ...(await this.kept()), withdrawn: true, address: "" };
    await this.keep({ ...kept, untold: kept.registered });
    await this.toldOrUnknown("POST", this.own(kept, "/consent"), { consent: false }, kept);
    await this.keep({ ...kept, untold: false });
  }

  /** Be forgotten, here and there. */
  async leave() {
    const kept = await this.kept();
    await this.toldOrUnknown("DELETE", this.own(kept, ""), undefined, kept);
    await this.store.clear();
  }

  /** Tell a server that knows this browser; one that knows it no more need not be told. */
  async toldOrUnknown(method, url, body, { registered, secret }) {
    try {
      if (registered) await this.send(method, url, body, secret);
    } catch (refusal) {
      if (!isUnknown(refusal)) throw refusal;
    }
  }

  /**
   * Register, or refresh what is known. The secret is ours, so a registration whose answer was lost
   * is simply repeated. An hwid that is refused with its secret and without was given to another
   * device: this browser begins anew.
   */
  async register(address) {
    const kept = await this.kept();
    if (kept.registered && (await this.tried(kept, address, kept.secret))) return this.kept();
    if (await this.tried(kept, address)) return this.kept();
    await this.tried(await this.begin(), address);
    return this.kept();
  }

  async tried(kept, address, credential) {
    try {
      await this.send("POST", this.devices, this.about(kept, address), credential);
    } catch (refusal) {
      if (!isUnknown(refusal)) throw refusal;
      return false;
    }
    await this.keep({ ...kept, registered: true, address, refreshedAt: Date.now() });
    return true;
  }

  about({ hwid, secret }, address) {
    return {
      hwid,
      platform: platform(navigator.userAgent),
      domains: this.config.domains,
      locale: navigator.language,
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      appVersion: this.config.appVersion,
      pushAddress: { kind: "fcm", value: address },
      deviceSecret: secret,
    };
  }

  own({ hwid }, path) {
    return `${this.devices}/${encodeURIComponent(hwid)}${path}`;
  }

  async begin() {
    const secret = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(33))));
    const kept = { hwid: `web-${crypto.randomUUID()}`, secret, registered: false, address: "" };
    await this.keep(kept);
    return kept;
  }

  async keep(kept) {
    await this.store.write(kept);
  }

  /** One call, tried again while the server is away: as long as it says, else 1, 2, 4 … seconds. */
  async send(method, url, body, credential) {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.once(method, url, body, credential);
      } catch (failure) {
        if (!(failure instanceof Away) || attempt + 1 >= PATIENCE) throw failure;
        const seconds = failure.seconds ?? Math.min(60, 2 ** attempt);
        await new Promise((go) => setTimeout(go, seconds * 1000 * (1 + Math.random() / 5)));
      }
    }
  }

  async once(method, url, body, credential) {
    const headers = {};
    if (body) headers["Content-Type"] = "application/json";
    if (credential) headers.Authorization = `Bearer ${credential}`;
    const token = await this.config.appCheckToken();
    if (token) headers["X-Firebase-AppCheck"] = token;
    let answer;
    try {
      answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    } catch (failure) {
      throw new Away(`no answer: ${failure.message}`);
    }
    if (answer.ok) return;
    const wait = Number.parseInt(answer.headers.get("Retry-After") ?? "", 10);
    if (answer.status === 429 || answer.status >= 500) {
      throw new Away(`the server answered ${answer.status}`, Number.isNaN(wait) ? undefined : wait);
    }
    const problem = await answer.json().catch(() => ({}));
    throw new Refused(answer.status, problem.code ?? "", problem.detail ?? `refused (${answer.status})`);
  }
}

/** The server does not know this hwid with this secret. */
const isUnknown = ({ code }) => code === "unauthenticated" || code === "notFound";

/** The system it runs on; there is no platform of browsers. */
export function platform(agent) {
  if (/Android/.test(agent)) return "android";
  if (/iPhone|iPad|iPod/.test(agent)) return "ios";
  if (/Windows/.test(agent)) return "windows";
  return /Mac OS X/.test(agent) ? "macos" : "linux";
}

/** One record in IndexedDB, which is this origin's own, and outlives the page. */
export class Store {
  async read() {
    return this.asked("readonly", (kept) => kept.get("device"));
  }

  async write(record) {
    await this.asked("readwrite", (kept) => kept.put(record, "device"));
  }

  async clear() {
    await this.asked("readwrite", (kept) => kept.delete("device"));
  }

  async asked(mode, ask) {
    const database = await new Promise((opened, failed) => {
      const opening = indexedDB.open("fanfare", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
      opening.onsuccess = () => opened(opening.result);
      opening.onerror = () => failed(opening.error);
    });
    try {
      return await new Promise((done, failed) => {
        const asking = ask(database.transaction("kept", mode).objectStore("kept"));
        asking.transaction.oncomplete = () => done(asking.result);
        asking.transaction.onabort = () => failed(asking.transaction.error);
      });
    } finally {
      database.close();
    }
  }
}
