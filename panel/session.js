// Who is signed in. The ID token is good for an hour; what renews it stays in this tab only.

const KEPT = "fanfare.refreshToken";
const RENEW_EARLY_MS = 60_000;
const HOUR_SECONDS = 3600;
const SENTENCES = {
  INVALID_LOGIN_CREDENTIALS: "E-mail and password do not belong together.",
  INVALID_PASSWORD: "E-mail and password do not belong together.",
  EMAIL_NOT_FOUND: "E-mail and password do not belong together.",
  INVALID_EMAIL: "That is not an e-mail address.",
  MISSING_PASSWORD: "The password is missing.",
  USER_DISABLED: "This account is closed. Ask the operator.",
  INVALID_CODE: "That is not the number the app shows now. It shows another every 30 seconds.",
  TOO_MANY_ATTEMPTS_TRY_LATER: "Too many attempts. Wait a few minutes, then try again.",
};

let place;
let idToken = "";
let goodUntil = 0;

export class SignedOut extends Error {}
export class NumberNeeded extends Error {}

export async function begin() {
  const answer = await fetch("/__/firebase/init.json");
  if (!answer.ok) throw new Error("This page does not know its project: /__/firebase/init.json is missing.");
  const { apiKey, authUrl } = await answer.json();
  const accounts = authUrl ? `${authUrl}/identitytoolkit.googleapis.com` : "https://identitytoolkit.googleapis.com";
  place = {
    signIn: `${accounts}/v1/accounts:signInWithPassword?key=${apiKey}`,
    second: `${accounts}/v2/accounts/mfaSignIn:finalize?key=${apiKey}`,
    forgotten: `${accounts}/v1/accounts:sendOobCode?key=${apiKey}`,
    renew: `${authUrl ? `${authUrl}/securetoken.googleapis.com` : "https://securetoken.googleapis.com"}/v1/token?key=${apiKey}`,
  };
}

export const isKept = () => sessionStorage.getItem(KEPT) !== null;

// Where an account has a second factor, the password is only the first half of a sign-in.
export async function signIn(email, password, number) {
  const said = await ask(place.signIn, JSON.stringify({ email, password, returnSecureToken: true }), "application/json");
  const whole = said.idToken ? said : await secondHalf(said, number);
  keep(whole.idToken, whole.refreshToken, whole.expiresIn ?? HOUR_SECONDS);
}

async function secondHalf({ mfaPendingCredential, mfaInfo = [] }, verificationCode) {
  const factor = mfaInfo.find(({ totpInfo }) => totpInfo);
  if (!factor) throw new Error("This account asks for a second factor that this panel cannot take: it takes authenticator apps.");
  if (!verificationCode) throw new NumberNeeded("Write the number that your authenticator app shows, then sign in.");
  const { mfaEnrollmentId } = factor;
  const body = { mfaPendingCredential, mfaEnrollmentId, totpVerificationInfo: { verificationCode } };
  return ask(place.second, JSON.stringify(body), "application/json");
}

// Whether the address has an account is told to nobody: only what is wrong with any address is.
export async function sendLink(email) {
  const untold = new Error();
  const body = JSON.stringify({ requestType: "PASSWORD_RESET", email });
  try {
    await ask(place.forgotten, body, "application/json", (said) => (codeOf(said) === "INVALID_EMAIL" ? worded(said) : untold));
  } catch (problem) {
    if (problem !== untold) throw problem;
  }
}

export function signOut() {
  idToken = "";
  sessionStorage.removeItem(KEPT);
}

export async function token() {
  if (idToken && Date.now() < goodUntil - RENEW_EARLY_MS) return idToken;
  if (!isKept()) throw new SignedOut("Sign in first.");
  const body = new URLSearchParams({ grant_type: "refresh_token", refresh_token: sessionStorage.getItem(KEPT) });
  const said = await ask(place.renew, body, "application/x-www-form-urlencoded", () => {
    signOut();
    return new SignedOut("Your session has ended. Sign in again.");
  });
  keep(said.id_token, said.refresh_token, said.expires_in);
  return idToken;
}

async function ask(url, body, type, refused = worded) {
  let answer;
  try {
    answer = await fetch(url, { method: "POST", body, headers: { "Content-Type": type } });
  } catch {
    throw new Error("Sign-in cannot be reached. Check your connection, then try again.");
  }
  const said = await answer.json();
  if (answer.status >= 500) throw new Error("Sign-in is out of order just now. Try again in a minute.");
  if (!answer.ok) throw refused(said);
  return said;
}

const codeOf = (said) => (said.error?.message ?? "").split(" ")[0];

function worded(said) {
  const code = codeOf(said);
  return new Error(SENTENCES[code] ?? `Sign-in was refused (${code || "no reason given"}).`);
}

function keep(token, refreshToken, seconds) {
  idToken = token;
  goodUntil = Date.now() + Number(seconds) * 1000;
  sessionStorage.setItem(KEPT, refreshToken);
}
