/** What differs from one showing of a page to the next. */
export type Hole = 'requestId' | 'certificateJa' | 'certificateEn' | 'chooseAnotherJa' | 'chooseAnotherEn'

/** HTML with holes, cut up once so that showing it is a handful of string appends. */
export type PageTemplate = (fill: { readonly [hole in Hole]: string }) => string

/** Marks a hole in the text of a template. NUL occurs nowhere else: `escapeHtml` removes it. */
export function hole(name: Hole): string {
  return `\0${name}\0`
}

/** Cuts a page at its holes. The values that fill them must be HTML already. */
export function createTemplate(page: string): PageTemplate {
  const pieces = page.split('\0')
  return (fill) => {
    let html = pieces[0] ?? ''
    for (let i = 1; i < pieces.length; i += 2) html += fill[pieces[i] as Hole] + pieces[i + 1]
    return html
  }
}
