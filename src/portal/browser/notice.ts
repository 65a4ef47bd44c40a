/**
 * For the banking application's own pages on the certificate door: puts the notice of a near expiry and the renewal link (R10, R11) into
 * the element with the attribute `data-sekisho-notice`, if there is something to say. Asks this origin alone and writes text, not markup.
 */
type Notice = { readonly notice: { readonly text: string; readonly renew: string } | null; readonly renewUrl: string }

async function showNotice(place: Element): Promise<void> {
  const response = await fetch('/.sekisho/certificate', { headers: { Accept: 'application/json' } })
  if (!response.ok) return
  const { notice, renewUrl } = (await response.json()) as Notice
  if (notice === null) return
  const text = document.createElement('span')
  text.textContent = `${notice.text} `
  const link = document.createElement('a')
  link.href = renewUrl
  link.textContent = notice.renew
  place.setAttribute('role', 'status')
  place.replaceChildren(text, link)
}

const place = document.querySelector('[data-sekisho-notice]')
if (place !== null) showNotice(place).catch(() => {})
