"use strict";
// What the links in e-mails lead to: `/account#<what>=<token>`. The token stays behind the `#`, where no server sees it.

const form = document.getElementById("form");
const says = document.getElementById("says");
const say = (words) => { says.textContent = words; };

async function ask(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const said = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw Object.assign(new Error(said.detail), { code: said.code });
  return said;
}

function show(words, fields, newPassword) {
  say(words);
  for (const part of form.querySelectorAll("[data-for]")) {
    part.hidden = !fields.includes(part.dataset.for);
    for (const input of part.querySelectorAll("input")) {
      input.disabled = part.hidden;
      if (input.name === "password") input.autocomplete = newPassword ? "new-password" : "current-password";
    }
  }
  form.hidden = false;
  form.querySelector("input:not(:disabled)")?.focus();
}

function done(words) {
  form.hidden = true;
  history.replaceState(null, "", location.pathname);
  say(words);
}

const SIGNED_IN = "You are signed in.";

const DOES = {
  async invitation(token) {
    const offer = await ask("/invitations/look", { token });
    const fields = offer.email ? ["name", "password", "elsewhere"] : ["name", "email", "password", "elsewhere"];
    show(`You are invited to ${offer.workspace}, as ${offer.role.toLowerCase()}. Choose what you sign in with.`, fields, true);
    const accept = async () => {
      await ask("/invitations/accept", { token });
      done(`Welcome to ${offer.workspace}.`);
    };
    form.querySelector("[data-for=elsewhere]").onclick = (event) => {
      event.preventDefault();
      show("Sign in to accept.", ["email", "password"], false);
      submits(signIn(accept));
    };
    return async (values) => {
      await ask("/auth/register", { ...values, invitation: token, cookies: true });
      done(`Welcome to ${offer.workspace}. ${SIGNED_IN}`);
    };
  },
  async confirm(token) {
    show("Enter the password you chose.", ["password"], false);
    return async (values) => {
      await ask("/auth/register/confirm", { ...values, token, cookies: true });
      done(`Your account is there. ${SIGNED_IN}`);
    };
  },
  async reset(token) {
    show("Choose a new password.", ["password"], true);
    return async (values) => {
      await ask("/auth/password/reset", { ...values, token });
      done("Your password is changed. Sign in with it.");
    };
  },
  async email(token) {
    show("Is this address yours?", [], false);
    return async () => {
      await ask("/auth/email/confirm", { token });
      done("Thank you. The address is confirmed.");
    };
  },
  async forgot() {
    show("We send you a link with which to choose a new password.", ["email"], false);
    return async (values) => done((await ask("/auth/password/forgot", values)).detail);
  },
  async code() {
    show("Now the code of your authenticator app.", ["code"], false);
    return async (values) => { await ask("/auth/oidc/second-factor", values); done(SIGNED_IN); };
  },
  async connected(code) {
    done(`Almost done: go back to where you began and give it this code. ${code}`);
    return async () => {};
  },
  async "not-connected"(code) {
    done(`No account was connected (${code}). Go back to where you began, and begin anew.`);
    return async () => {};
  },
  async refused(code) {
    show(`Signing in through your provider was refused (${code}). Sign in here, or ask for an invitation.`, ["email", "password", "forgot"], false);
    return signIn(async () => done(SIGNED_IN));
  },
};

function signIn(after) {
  return async (values) => {
    try {
      await ask("/auth/login", { ...values, cookies: true });
    } catch (error) {
      if (error.code !== "second_factor_required") throw error;
      show(error.message, ["email", "password", "code"], false);
      return;
    }
    await after();
  };
}

let submit = async () => {};
const submits = (handler) => { submit = handler; };

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    await submit(Object.fromEntries(new FormData(form)));
  } catch (error) {
    say(error.message);
  } finally {
    button.disabled = false;
  }
});

async function begin() {
  const [what, token = ""] = location.hash.slice(1).split("=");
  if (what === "signed-in") return done(SIGNED_IN);
  try {
    if (Object.hasOwn(DOES, what)) return submits(await DOES[what](token));
    show("Sign in.", ["email", "password", "forgot"], false);
    submits(signIn(async () => done(SIGNED_IN)));
  } catch (error) {
    say(error.message);
  }
}

addEventListener("hashchange", begin);
begin();
