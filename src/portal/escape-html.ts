const replacements: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

// Control characters, and those that change the direction or identity of the text around them (Unicode TR 36): a name
// in a certificate must not be able to rearrange the page.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const disguises = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g

/** Text made safe as HTML text or quoted attribute value. Control and direction-changing characters become U+FFFD. */
export function escapeHtml(text: string): string {
  return text.replace(disguises, '\ufffd').replace(/[&<>"']/g, (character) => replacements[character] ?? '')
}
