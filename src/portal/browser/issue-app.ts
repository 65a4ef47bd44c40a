import { type KeyKeeper, openKeyKeeper } from './key-keeper.ts'
import { makePkcs12, type Pkcs12Kind } from './pkcs12.ts'
import { keyAlgorithm, makeSigningRequest } from './signing-request.ts'

/** What the page tells its script, in `data-settings` of the form. */
export type IssueSettings = {
  readonly loginId: string
  /** Names the kept key: login ID and whether it is for 発行 or 更新. */
  readonly keyName: string
  readonly fileName: string
  /** Unit: milliseconds since the epoch, by the server's clock. */
  readonly nowMs: number
  /** How long a key is kept. */
  readonly lifeMs: number
  readonly passwordCharactersMin: number
  readonly words: Readonly<Record<string, string>>
}

/** The answer to a signing request; certificates are DER as base64. */
type Issued = {
  readonly certificate: string
  readonly chain: readonly string[]
  readonly serial: string
  readonly expiry: string
  readonly again: boolean
  readonly tryUrl: string
}

type Problem = { readonly title?: string; readonly detail?: string; readonly steps?: readonly string[] }

/** A refusal of the gateway's, with words for the user. */
class Refusal extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.title)
    this.problem = problem
  }
}

function part<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T
}

/** The form of the certificate page: makes the key, asks for the certificate, gives the file. */
class IssueForm {
  readonly #form = part<HTMLFormElement>('browser-form')
  readonly #settings: IssueSettings
  #keeper: KeyKeeper | undefined
  #fileUrl = ''

  constructor() {
    this.#settings = JSON.parse(this.#form.dataset.settings ?? '{}')
  }

  async start(): Promise<void> {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      void this.#submit()
    })
    part('finish').addEventListener('click', () => void this.#finish())
    this.#form.hidden = false
    try {
      this.#keeper = await openKeyKeeper(this.#settings.nowMs)
      if ((await this.#keeper.load(this.#settings.keyName)) !== undefined) {
        part<HTMLDetailsElement>('browser-way').open = true
        this.#say('kept')
      }
    } catch {
      this.#say('noKeeping')
    }
  }

  async #submit(): Promise<void> {
    const password = this.#checkedPassword()
    if (password === undefined) return
    this.#busy(true)
    this.#complain(undefined)
    try {
      const keys = await this.#keys()
      this.#say('asking')
      const issued = await this.#ask(await makeSigningRequest(keys))
      this.#say('packing')
      await this.#give(issued, { keys, password })
      this.#say('ready')
    } catch (error) {
      this.#say('')
      this.#complain(error instanceof Refusal ? error.problem : { title: this.#settings.words.failed ?? '' })
    } finally {
      this.#busy(false)
    }
  }

  #checkedPassword(): string | undefined {
    const first = part<HTMLInputElement>('file-password')
    const second = part<HTMLInputElement>('file-password-again')
    const fault =
      first.value.length < this.#settings.passwordCharactersMin
        ? 'passwordShort'
        : /[^ -~]/.test(first.value)
          ? 'passwordLetters'
          : first.value !== second.value
            ? 'passwordsDiffer'
            : undefined
    for (const field of [first, second]) field.removeAttribute('aria-invalid')
    if (fault === undefined) return first.value
    const field = fault === 'passwordsDiffer' ? second : first
    field.setAttribute('aria-invalid', 'true')
    this.#complain({ title: this.#settings.words[fault] ?? '' })
    field.focus()
    return undefined
  }

  /** The kept key, else a new one, which is kept before anything is asked for with it. */
  async #keys(): Promise<CryptoKeyPair> {
    const { keyName, nowMs, lifeMs } = this.#settings
    const kept = await this.#keeper?.load(keyName)
    if (kept !== undefined) return kept
    this.#say('makingKey')
    const keys = await crypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
    await this.#keeper?.save(keyName, { keys, untilMs: nowMs + lifeMs })
    return keys
  }

  async #ask(request: Uint8Array<ArrayBuffer>): Promise<Issued> {
    let response: Response
    try {
      response = await fetch('/.sekisho/issue/request', {
        method: 'POST',
        headers: { 'Content-Type': 'application/pkcs10', Accept: 'application/json' },
        body: request,
        redirect: 'error',
      })
    } catch {
      throw new Refusal({ title: this.#settings.words.offline ?? '' })
    }
    const isJson = /json/.test(response.headers.get('content-type') ?? '')
    const answer: unknown = isJson ? await response.json().catch(() => undefined) : undefined
    if (answer === undefined) throw new Refusal({ title: this.#settings.words.offline ?? '' })
    if (!response.ok) throw new Refusal(answer as Problem)
    return answer as Issued
  }

  async #give(issued: Issued, { keys, password }: { keys: CryptoKeyPair; password: string }): Promise<void> {
    const { loginId, fileName } = this.#settings
    const kind = new FormData(this.#form).get('kind') === 'older' ? 'older' : ('modern' satisfies Pkcs12Kind)
    const file = await makePkcs12({
      kind,
      privateKey: new Uint8Array(await crypto.subtle.exportKey('pkcs8', keys.privateKey)),
      certificates: [issued.certificate, ...issued.chain].map(bytesOf),
      friendlyName: loginId,
      password,
    })
    URL.revokeObjectURL(this.#fileUrl)
    this.#fileUrl = URL.createObjectURL(new Blob([file], { type: 'application/x-pkcs12' }))
    const link = part<HTMLAnchorElement>('save')
    link.href = this.#fileUrl
    link.download = fileName
    part('result-title').textContent =
      (issued.again ? part('result').dataset.again : undefined) ?? part('result-title').textContent
    part('result-serial').textContent = issued.serial
    part('result-expiry').textContent = issued.expiry
    const text = part('try-text')
    text.textContent = (text.dataset.text ?? '').replace('{expiry}', issued.expiry)
    part<HTMLAnchorElement>('try').href = issued.tryUrl
    part('result').hidden = false
    part('result').focus()
    link.click()
  }

  /** The user has the file: nothing is kept any more, here or there. */
  async #finish(): Promise<void> {
    await this.#keeper?.erase(this.#settings.keyName)
    URL.revokeObjectURL(this.#fileUrl)
    part('save').removeAttribute('href')
    part('finished').hidden = false
    part('finish').hidden = true
    part('finished').focus()
    await fetch('/.sekisho/issue/done', { method: 'POST', redirect: 'error' }).catch(() => {})
  }

  #busy(busy: boolean): void {
    part<HTMLButtonElement>('browser-issue').disabled = busy
    this.#form.setAttribute('aria-busy', String(busy))
  }

  #say(word: string): void {
    part('browser-status').textContent = this.#settings.words[word] ?? ''
  }

  #complain(problem: Problem | undefined): void {
    const box = part('browser-error')
    box.replaceChildren()
    box.hidden = problem === undefined
    if (problem === undefined) return
    const add = (tag: string, text: string, to: HTMLElement = box) => {
      const made = document.createElement(tag)
      made.textContent = text
      to.append(made)
      return made
    }
    const title = add('p', '')
    add('strong', problem.title ?? '', title)
    if (problem.detail) add('p', problem.detail)
    if (problem.steps !== undefined && problem.steps.length > 0) {
      const list = add('ol', '')
      for (const step of problem.steps) add('li', step, list)
    }
    box.focus()
  }
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

await new IssueForm().start()
