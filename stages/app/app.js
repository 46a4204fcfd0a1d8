// The pages of `tenview app`: what is dropped is sent, and the list and a jaw's page say how far the work is.
"use strict";
(() => {
  const at = (id) => document.getElementById(id);
  const SECOND = 1000;

  // What the server answers; its refusals are thrown as they are to be shown.
  async function ask(method, address, body) {
    let answer;
    try {
      answer = await fetch(address, { method, body });
    } catch {
      throw new Error("The server does not answer. Is tenview app still running?");
    }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.error || `The server answers ${answer.status}`);
    return told;
  }

  function refuse(error) {
    at("refused").textContent = error.message;
  }

  async function remove(id, name) {
    if (!confirm(`Delete ${name} and all its files?`)) return false;
    await ask("DELETE", `/cases/${id}`);
    return true;
  }

  // ---- dropping

  // Files with their paths of what was dropped, folders with all that is in them.
  async function entries(items) {
    const found = [];
    async function enter(entry, folder) {
      if (entry instanceof File) {
        found.push({ file: entry, path: entry.name });
        return;
      }
      if (entry.isFile) {
        const file = await new Promise((done, failed) => entry.file(done, failed));
        found.push({ file, path: folder + entry.name });
        return;
      }
      const reader = entry.createReader();
      for (;;) {               // it gives a hundred at a time
        const some = await new Promise((done, failed) => reader.readEntries(done, failed));
        if (!some.length) return;
        for (const each of some) await enter(each, `${folder}${entry.name}/`);
      }
    }
    // All at once, for they are gone after this event.
    const roots = [...items].map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile()).filter(Boolean);
    for (const root of roots) await enter(root, "");
    return found;
  }

  let sending = false;
  async function send(found) {
    if (sending || !found.length) return;
    sending = true;
    at("refused").textContent = at("said").textContent = "";
    const drop = at("drop"), suffixes = drop.dataset.suffixes.split(" ");
    try {
      // Of folders only what can be of use; of files that were picked all, for the server tells which it leaves out.
      const isOfUse = ({ path }) => !path.includes("/") || suffixes.some((suffix) => path.toLowerCase().endsWith(suffix));
      const files = found.filter(isOfUse);
      if (!files.length) throw new Error(`${found[0].path.split("/")[0]}: no picture and no scan that can be read is in it`);
      at("sending").hidden = false;
      const { id } = await ask("POST", "/uploads");
      const all = files.reduce((sum, { file }) => sum + file.size, 0) || 1;
      let sent = 0;
      for (const { file, path } of files) {
        await ask("PUT", `/uploads/${id}?name=${encodeURIComponent(path)}`, file);
        sent += file.size;
        at("sent").value = sent / all;
      }
      const options = Object.fromEntries([...drop.querySelectorAll("select")].map((each) => [each.name, each.value]));
      const { cases } = await ask("POST", `/uploads/${id}`, JSON.stringify(options));
      if (cases.length === 1) location.href = `/cases/${cases[0]}`;
      else at("said").textContent = `${cases.length} jaws wait below`;
    } catch (error) {
      refuse(error);
    } finally {
      sending = false;
      at("sending").hidden = true;
      at("sent").value = 0;
    }
  }

  function begin() {
    const drop = at("drop");
    for (const id of ["files", "folder"]) {
      at(id).addEventListener("change", ({ target }) => {
        const found = [...target.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
        target.value = "";     // so that the same choice counts again
        send(found);
      });
    }
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
    document.addEventListener("dragleave", (event) => event.relatedTarget || drop.classList.remove("over"));
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      entries(event.dataTransfer.items).then(send).catch(refuse);
    });
    at("sample").addEventListener("click", async () => {
      const pictures = [...document.querySelectorAll(".guide img")].map(({ src }) => src);
      const found = pictures.map(async (address) => {
        const path = `the guide/${address.split("/").pop()}`;
        return { file: await (await fetch(address)).blob(), path };
      });
      Promise.all(found).then(send).catch(refuse);
    });
    repeat(list);
  }

  // ---- how far the work is

  function repeat(look) {
    look().catch(refuse).finally(() => setTimeout(() => repeat(look), SECOND));
  }

  const rows = new Map();
  async function list() {
    const { cases } = await ask("GET", "/cases");
    if (at("refused").textContent.startsWith("The server")) at("refused").textContent = "";
    const known = new Set(cases.map(({ id }) => id));
    for (const [id, row] of rows) if (!known.has(id)) { row.item.remove(); rows.delete(id); }
    cases.forEach((each, place) => {
      if (!rows.has(each.id)) rows.set(each.id, row(each));
      const { item, state, before } = rows.get(each.id);
      const text = [each.step, each.seconds === null ? "" : `${each.seconds} s`, ...each.messages].filter(Boolean).join(" · ");
      if (state.textContent !== text) state.textContent = text;
      state.classList.toggle("bad", each.messages.length > 0);
      if (before && before !== each.state && each.state !== "running") at("said").textContent = `${each.name}: ${each.step}`;
      rows.get(each.id).before = each.state;
      if (at("jaws").children[place] !== item) at("jaws").insertBefore(item, at("jaws").children[place] ?? null);
    });
    at("none").hidden = cases.length > 0;
  }

  function row({ id, name, kind }) {
    const make = (tag, text, more = {}) => Object.assign(document.createElement(tag), { textContent: text, ...more });
    const item = make("li", ""), state = make("span", "", { className: "state" });
    const gone = make("button", "Delete", { type: "button" });
    gone.setAttribute("aria-label", `Delete ${name}`);
    gone.addEventListener("click", () => remove(id, name).then(list).catch(refuse));
    const [, ...parts] = id.match(/^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)/) ?? [];
    const when = parts.length ? new Date(Date.UTC(parts[0], parts[1] - 1, ...parts.slice(2))).toLocaleString() : "";
    item.append(make("a", name, { href: `/cases/${id}` }), make("small", `${kind}, ${when}`), state, gone);
    return { item, state };
  }

  function follow(page) {
    const { id, state } = page.dataset;
    at("delete").addEventListener("click", ({ target }) => {
      remove(id, target.dataset.name).then((done) => { if (done) location.href = "/"; }).catch(refuse);
    });
    at("again")?.addEventListener("click", () => ask("POST", `/cases/${id}/again`).then(() => location.reload()).catch(refuse));
    if (!at("step")) return;
    repeat(async () => {
      const { cases } = await ask("GET", "/cases");
      const now = cases.find((each) => each.id === id);
      if (!now) throw new Error("This jaw has been deleted");
      at("refused").textContent = "";
      if (now.state !== state && !["queued", "running"].includes(now.state)) return location.reload();
      if (at("step").textContent !== now.step) at("step").textContent = now.step;
      at("seconds").textContent = now.seconds === null ? "" : `${now.seconds} s`;
    });
  }

  if (at("drop")) begin();
  if (at("case")) follow(at("case"));
})();
