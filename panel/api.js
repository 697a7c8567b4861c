// Every call to provider-api. Refusals are problems (RFC 9457), thrown with all their field errors.
// The types of what is sent and answered come from the table of routes: `make docs` writes types.d.ts.

import { SignedOut, signOut, token } from "./session.js";

export class Problem extends Error {
  constructor(detail, { status = 0, errors = [] } = {}) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

const of = (id) => encodeURIComponent(id);

/** @returns {Promise<import("./types").MeAnswer>} */
export const me = () => call("GET", "/v1/me");
/** @returns {Promise<import("./types").DomainsAnswer>} */
export const domains = () => call("GET", "/v1/domains");
/** @param {import("./types").EstimateInput["targetSegment"]} targetSegment @returns {Promise<import("./types").EstimateAnswer>} */
export const estimate = (targetSegment) => call("POST", "/v1/estimates", { targetSegment });
/** @param {import("./types").ListInput} query @returns {Promise<import("./types").NotificationsAnswer>} */
export const list = (query) => call("GET", `/v1/notifications?${new URLSearchParams(query)}`);
/** @returns {Promise<import("./types").StatsAnswer>} */
export const stats = (id) => call("GET", `/v1/notifications/${of(id)}/stats`);
/** @param {import("./types").NotificationInput} body @returns {Promise<import("./types").NotificationAnswer>} */
export const create = (body, key) => call("POST", "/v1/notifications", body, { "Idempotency-Key": key });
/** @param {import("./types").EditInput} body @returns {Promise<import("./types").NotificationAnswer>} */
export const edit = (id, body) => call("PATCH", `/v1/notifications/${of(id)}`, body);
export const remove = (id) => call("DELETE", `/v1/notifications/${of(id)}`);
/** @returns {Promise<import("./types").NotificationAnswer>} */
export const submit = (id) => call("POST", `/v1/notifications/${of(id)}/submit`, {});
/** @returns {Promise<import("./types").NotificationAnswer>} */
export const cancel = (id) => call("POST", `/v1/notifications/${of(id)}/cancel`, {});
/** @returns {Promise<import("./types").StoppedAnswer>} */
export const stop = (id) => call("POST", `/v1/notifications/${of(id)}/stop`, {});
/** @returns {Promise<import("./types").NotificationAnswer>} */
export const duplicate = (id) => call("POST", `/v1/notifications/${of(id)}/duplicate`, {});

/** @returns {Promise<import("./types").SentTestAnswer>} */
export const test = (id) => call("POST", `/v1/notifications/${of(id)}/test`, {});

async function call(method, path, body, more = {}) {
  const headers = { Authorization: `Bearer ${await token()}`, ...more };
  if (body) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Problem("The server cannot be reached. Check your connection, then try again.");
  }
  if (answer.status === 204) return null;
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  if (answer.status === 401) {
    signOut();
    throw new SignedOut(said.detail ?? "Sign in again.");
  }
  const wait = answer.headers.get("Retry-After");
  const detail = said.detail ?? `The server answered ${answer.status}. Try again in a minute.`;
  throw new Problem(wait ? `${detail} (again in ${wait} seconds)` : detail, { status: answer.status, errors: said.errors });
}
