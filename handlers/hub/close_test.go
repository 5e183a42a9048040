package hub_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"example.com/handshake/handlers/hub"
)

// What the server means when it closes, the page must understand and the README must tell.
func TestCloseCodesAreTheSameEverywhere(t *testing.T) {
	tables := []struct{ file, row string }{
		{"web/js/client/close_codes.js", `(?m)^ *\{ code: (\d+), reason: "([^"]*)", action: "([^"]*)" \},$`},
		{"README.md", "(?m)^\\| (\\d+) \\| `([^`]*)` \\| ([^|]*) \\|$"},
	}
	for _, table := range tables {
		t.Run(table.file, func(t *testing.T) {
			content, err := os.ReadFile("../../" + table.file)
			if err != nil {
				t.Fatal(err)
			}
			var found []hub.Closing
			for _, row := range regexp.MustCompile(table.row).FindAllStringSubmatch(string(content), -1) {
				code, err := strconv.Atoi(row[1])
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, hub.Closing{Code: code, Reason: row[2], Action: row[3]})
			}
			if !slices.Equal(found, hub.Closings) {
				t.Errorf("it has\n%v\nand the server\n%v", found, hub.Closings)
			}
		})
	}
}
