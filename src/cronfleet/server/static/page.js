// Tells times in the reader's zone, and keeps the page fresh while nobody reads or types there.
const EVERY_MS = 2500

const away = document.querySelector(".away")
const main = document.querySelector("main")
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
const shown = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" })

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

async function refresh() {
  if (isInUse()) return
  try {
    const answer = await fetch(location.href)
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html")
    const active = document.activeElement
    const place = main.contains(active) ? active.getAttribute("href") : null
    main.replaceChildren(...fresh.querySelector("main").childNodes)
    tellTimesLocally()
    focusAgain(place)
    away.hidden = true
  } catch {
    away.hidden = false
  }
}

document.querySelector(".zone").textContent = zone
document.querySelector(".hint").hidden = false
tellTimesLocally()
if ("live" in main.dataset) setInterval(refresh, EVERY_MS)
