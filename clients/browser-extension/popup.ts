/**
 * The popup: what the service worker tells, as elements. The rule: strangers' words (labels, errors, an API's answer) are
 * text and never markup, and the page does nothing that it does not ask the worker for.
 */
import { runtime } from './chrome.ts'
import type { Account, Ask, Problem, View } from './messages.ts'
import { stateOf, titleOf } from './words.ts'

const port = runtime.connect()
const ask = (what: Ask): void => {
  port.postMessage(what)
}

type Content = Node | string | undefined

function element(tag: string, className: string, ...content: readonly Content[]): HTMLElement {
  const made = document.createElement(tag)
  if (className !== '') made.className = className
  made.append(...content.filter((part) => part !== undefined))
  return made
}

function button(words: string, what: Ask, className = ''): HTMLElement {
  const made = element('button', className, words)
  made.setAttribute('type', 'button')
  made.addEventListener('click', () => {
    ask(what)
  })
  return made
}

function problem(of: Problem): HTMLElement {
  return element(
    'section',
    'card problem',
    element('h2', '', titleOf(of)),
    element('p', '', of.message),
    of.command === undefined ? undefined : element('p', '', 'Run: ', element('code', '', of.command)),
    button('Check again', { do: 'look' }),
  )
}

function question(code: string): HTMLElement {
  return element(
    'section',
    'card question',
    element('h2', '', 'Valetkey asks you'),
    element('p', '', 'Compare this code with the one in its window, or type it there:'),
    element('strong', 'code', code),
    element('p', 'hint', 'In a terminal: ', element('code', '', 'valetkey requests'), '. You may close this popup.'),
    button('Stop waiting', { do: 'stop' }, 'stop'),
  )
}

function unpaired(): HTMLElement {
  return element(
    'section',
    'card',
    element('h2', '', 'Not paired yet'),
    element('p', '', 'Pairing makes this extension known to Valetkey on this machine. It gives it no account yet.'),
    button('Pair this extension', { do: 'pair' }, 'primary'),
  )
}

function row(account: Account): HTMLElement {
  const call = button('Call the API', { do: 'call', account: account.id })
  call.setAttribute('aria-label', `Call the API as ${account.label}`)
  const state = element('span', account.state === 'connected' ? 'state-connected' : 'state-other', stateOf(account))
  return element(
    'li',
    '',
    element('div', '', element('strong', '', account.label), element('small', '', `${account.provider} · `, state)),
    call,
  )
}

/** What was typed, for the next time the field is made. */
let wanted = ''

function request(first: boolean): HTMLElement {
  const field = document.createElement('input')
  Object.assign(field, { id: 'wanted', placeholder: 'label, or empty for any', autocomplete: 'off', value: wanted })
  field.addEventListener('input', () => {
    wanted = field.value
  })
  const label = element('label', 'sr', 'Account to ask for')
  label.setAttribute('for', 'wanted')
  const send = element('button', first ? 'primary' : '', 'Ask')
  const form = element('form', 'row', label, field, send)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    wanted = ''
    ask({ do: 'request', account: field.value.trim() })
  })
  return element('section', 'card', element('h2', '', first ? 'Ask for an account' : 'Ask for another'), form)
}

function accounts(of: readonly Account[]): HTMLElement {
  return element('section', 'card', element('ul', 'accounts', ...of.map(row)))
}

function result({ status, text }: NonNullable<View['result']>): HTMLElement {
  return element('section', 'card', element('h2', '', `The API answered ${String(status)}`), element('pre', '', text))
}

function show(view: View): void {
  const { paired, busy, code, accounts: list, api } = view
  const known = paired && list !== undefined
  const parts = [
    code === undefined ? undefined : question(code),
    view.problem && problem(view.problem),
    known && list.length > 0 ? accounts(list) : undefined,
    view.result && result(view.result),
    known && api === '' ? element('p', 'hint', 'Say in the settings which API address is to be called.') : undefined,
    known && code === undefined ? request(list.length === 0) : undefined,
    !paired && code === undefined && !busy ? unpaired() : undefined,
    busy && code === undefined ? element('p', 'hint', 'One moment…') : undefined,
  ]
  const main = document.querySelector('main')
  main?.replaceChildren(...parts.filter((part) => part !== undefined))
  for (const one of main?.querySelectorAll<Control>('button, input') ?? []) {
    one.disabled = busy && !one.classList.contains('stop')
    if (nameOf(one) === held && !one.disabled) one.focus()
  }
}

type Control = HTMLButtonElement | HTMLInputElement

/** Elements are made anew with every view; by its name the one that had the focus is found again. */
const nameOf = (one: Element): string => (one.getAttribute('aria-label') ?? one.id) || (one.textContent ?? '')
let held = ''
document.addEventListener('focusin', ({ target }) => {
  held = target instanceof Element && target.closest('main') ? nameOf(target) : ''
})

port.onMessage.addListener((view) => {
  show(view as View)
})
document.querySelector('#settings')?.addEventListener('click', () => void runtime.openOptionsPage())
document.querySelector('#refresh')?.addEventListener('click', () => {
  ask({ do: 'look' })
})
ask({ do: 'look' })
