// Fetches what is new once a second, and replaces only the messages that changed.
const shown = document.body.dataset.shown;
let revision = document.body.dataset.revision;

const messages = () => document.querySelector(".messages");
const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 40;

// Unread is what this tab has not shown since the conversation was last opened in it.
function markUnread() {
  for (const entry of document.querySelectorAll("nav li")) {
    const { id, count } = entry.dataset;
    const seen = id === shown ? count : sessionStorage.getItem(id) ?? "0";
    if (id === shown || Number(seen) > Number(count)) sessionStorage.setItem(id, count);
    const unread = Number(count) - Number(seen);
    entry.classList.toggle("unread", unread > 0);
    entry.querySelector(".new").textContent = unread > 0 ? unread : "";
  }
}

function replaceConversation(html) {
  const fresh = document.createElement("div");
  fresh.innerHTML = html;
  const box = messages();
  const follow = atEnd(box);
  for (const message of fresh.querySelectorAll(".messages > article")) {
    const old = document.getElementById(message.id);
    const open = old?.querySelector("details")?.open;
    if (old && open) message.querySelector("details")?.setAttribute("open", "");
    if (old && old.outerHTML === message.outerHTML) message.replaceWith(old);
  }
  box.replaceChildren(...fresh.querySelector(".messages").childNodes);
  document.querySelector("header").replaceWith(fresh.querySelector("header"));
  if (follow) box.scrollTop = box.scrollHeight;
}

async function refresh() {
  try {
    const answer = await fetch(`/view?channel=${shown}&seen=${revision}`);
    if (answer.status === 200) {
      const view = await answer.json();
      revision = view.revision;
      document.getElementById("sidebar").innerHTML = view.sidebar;
      replaceConversation(view.conversation);
      markUnread();
    }
  } catch (error) {
    console.warn("the local Slack does not answer; trying again", error);
  }
  setTimeout(refresh, 1000);
}

markUnread();
messages().scrollTop = messages().scrollHeight;
setTimeout(refresh, 1000);
