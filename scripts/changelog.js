// Reads CHANGELOG.md: one `## VERSION` section a version, the newest first, each with `### Highlights`.

/** Heading and text of the first section. */
export function findSection(changelog) {
  const [, heading, text] = /^## (.+)\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(changelog) ?? []
  return { heading: heading?.trim(), text: text ?? '' }
}

/** Entries of the section's highlights, without their line breaks. */
export function highlightsOf(text) {
  const [, part = ''] = /^### Highlights\n([\s\S]*?)(?=^###? |(?![\s\S]))/m.exec(text) ?? []
  return part
    .split(/^- /m)
    .slice(1)
    .map((entry) => entry.replace(/\s+/g, ' ').trim())
}
