// Tells times in the reader's zone, and keeps the page fresh while nobody reads or types there.
const EVERY_MS = 2500 // Also where changes are heard of: that an instance is silent is no event.
const PATIENCE_MS = 700

const away = document.querySelector(".away")
const main = document.querySelector("main")
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
const shown = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" })
// The browser lets a script make HTML of text only under a name: this is the one place that does.
const asHtml = { createHTML: (text) => text }
const ours = globalThis.trustedTypes?.createPolicy("cronfleet", asHtml) ?? asHtml

function tellTimesLocally() {
  for (const time of main.querySelectorAll("time")) {
    time.textContent = shown.format(new Date(time.dateTime))
  }
}

function isTyping() {
  const fields = [...main.querySelectorAll("input, select, textarea")]
  return fields.some((field) => field.value !== (field.defaultValue ?? field.value))
}

function isInUse() {
  const selected = !getSelection().isCollapsed
  return document.hidden || selected || isTyping() || main.querySelector("details[open]")
}

function focusAgain(place) {
  const links = [...main.querySelectorAll("a")]
  links.find((link) => link.getAttribute("href") === place)?.focus({ preventScroll: true })
}

function show(html) {
  const fresh = new DOMParser().parseFromString(ours.createHTML(html), "text/html")
  const active = document.activeElement
  const place = main.contains(active) ? active.getAttribute("href") : null
  main.replaceChildren(...fresh.querySelector("main").childNodes)
  tellTimesLocally()
  if (place) focusAgain(place)
}

async function refresh() {
  if (isInUse()) return
  try {
    const answer = await fetch(location.href)
    if (answer.redirected) return location.reload() // To the login: this one is over.
    show(await answer.text())
    away.hidden = true
  } catch {
    away.hidden = false
  }
}

let timer = 0
let isSoon = false
let events = null

function askAgainIn(delay) {
  clearTimeout(timer)
  timer = setTimeout(async () => {
    isSoon = false
    await refresh()
    if (!isSoon) askAgainIn(EVERY_MS)
  }, delay)
}

// What changes in one go is shown in one go.
function hear() {
  if (!isSoon) askAgainIn(PATIENCE_MS)
  isSoon = true
}

// A page that nobody sees holds no connection: a browser has six of them for a server.
function listen() {
  events?.close()
  events = document.hidden ? null : new EventSource("/api/v1/events")
  events?.addEventListener("changed", hear)
  events?.addEventListener("reset", hear)
}

document.querySelector(".zone").textContent = zone
document.querySelector("footer .hint").hidden = false
tellTimesLocally()
if ("live" in main.dataset) {
  listen()
  document.addEventListener("visibilitychange", listen)
  askAgainIn(EVERY_MS)
}
