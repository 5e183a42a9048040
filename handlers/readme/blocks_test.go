// Package readme_test holds the README against the program: what it tells people
// to type is typed, in a fresh copy of the checkout, and what it names must exist.
//
// The blocks of the walkthrough are read as follows. In sh and console blocks "$ "
// is the prompt, and what follows a command is what it prints. A command that ends
// in "go run ." belongs into the first terminal, after Ctrl-C where something runs
// there, and every other into one shell, the second terminal. A log block is what
// the first terminal shows. A block whose first line is a comment with nothing but
// a file's name is saved as that file. Other js blocks go into the console of a
// browser, and a comment in them is what the lines before it print there.
package readme_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// block is one fenced block.
type block struct {
	section string // the heading of level 2 that it stands below
	lang    string
	text    string
	line    int // of the README, where it opens
}

func readme(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// parts returns the blocks, and by section the prose between them.
func parts(t *testing.T) (blocks []block, prose map[string]string) {
	t.Helper()
	prose = map[string]string{}
	section := ""
	var open *block
	number := 0
	for line := range strings.Lines(readme(t)) {
		number++
		lang, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{section: section, lang: strings.TrimSpace(lang), line: number}
		case fence:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += line
		default:
			if heading, ok := strings.CutPrefix(line, "## "); ok {
				section = strings.TrimSpace(heading)
			}
			prose[section] += line
		}
	}
	if open != nil || len(blocks) == 0 {
		t.Fatalf("the blocks of the README cannot be told: %d, %+v", len(blocks), open)
	}
	return blocks, prose
}

// command is what is typed at a prompt, and what comes back.
type command struct{ typed, printed string }

// commands reads a console block. A command goes on after a line that ends in "\",
// "|" or "{", in the last case to its "}".
func commands(t *testing.T, b block) (all []command) {
	t.Helper()
	unfinished, brace := false, false
	for line := range strings.Lines(b.text) {
		typed, prompt := strings.CutPrefix(line, "$ ")
		switch {
		case unfinished:
			all[len(all)-1].typed += line
		case prompt:
			all = append(all, command{typed: typed})
		case len(all) == 0:
			t.Fatalf("README.md:%d: a console block begins with a prompt", b.line)
		default:
			all[len(all)-1].printed += line
			continue
		}
		end := strings.TrimSpace(line)
		brace = brace && end != "}" || strings.HasSuffix(end, "{")
		unfinished = brace || strings.HasSuffix(end, `\`) || strings.HasSuffix(end, "|")
	}
	return all
}

var (
	blankLines = regexp.MustCompile(`(?m)^[ \r]*\n`)
	lineEnds   = regexp.MustCompile(`(?m)\r$`)
)

// plain leaves out what a reader does not see either.
func plain(text string) string {
	text = lineEnds.ReplaceAllString(text, "")
	return strings.TrimRight(blankLines.ReplaceAllString(text, ""), "\n")
}

// pattern is what may stand where the README has this: a line of "…" alone is any
// number of lines, and within a line it is any characters.
func pattern(shown string) string {
	var lines []string
	for line := range strings.SplitSeq(plain(shown), "\n") {
		if line == "…" {
			lines = append(lines, `(.*\n)*?`)
			continue
		}
		lines = append(lines, strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*")+`\n`)
	}
	return strings.Join(lines, "")
}

func matches(shown, got string) bool {
	return plain(shown) == plain(got) || regexp.MustCompile(`^`+pattern(shown)+`$`).MatchString(plain(got)+"\n")
}

// begins tells whether got is what is shown, and perhaps more.
func begins(shown, got string) bool {
	return plain(shown) == "" || regexp.MustCompile(`^`+pattern(shown)).MatchString(plain(got)+"\n")
}

func TestPatternIsStrict(t *testing.T) {
	for _, row := range []struct {
		shown, got string
		want       bool
	}{
		{"a\nb", "a\r\n\r\nb", true},
		{"a\nb", "a\nb\nc", false},
		{"a", "ab", false},
		{"a.c", "abc", false},
		{"a…c", "abc\n", true},
		{"a…c", "a\nc", false},
		{"a\n…\nc", "a\nb\nb\nc", true},
		{"a\n…\nc", "a\nc", true},
		{"a\n…\nc", "a\nb\n", false},
		{"", "", true},
		{"", "a", false},
	} {
		if got := matches(row.shown, row.got); got != row.want {
			t.Errorf("%q for %q: %t", row.shown, row.got, got)
		}
	}
}
