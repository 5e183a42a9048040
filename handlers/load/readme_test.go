package load_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// The README's command is run for the first of the benchmarks alone: all of them take minutes.
func TestReadmeMeasures(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("this needs sh")
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Measured\n")
	found := regexp.MustCompile("\n```sh\n(.* -bench )\\.( .*)\n```\n").FindStringSubmatch(section)
	if found == nil {
		t.Fatal("the README has no such command")
	}
	command := exec.CommandContext(t.Context(), sh, "-c", found[1]+"Handshakes/header"+found[2])
	command.Dir = "../.."
	if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), " of-bare") {
		t.Errorf("%v: %s", err, out)
	}
}
