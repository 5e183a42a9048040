package clients_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Each code span of the README's table is in the client's file, or is what the client shows.
func TestTableOfClientsIsTrue(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(strings.ReplaceAll(string(readme), "\r\n", "\n"), "\n## Clients\n")
	table, _, _ = strings.Cut(table, "\n## ")
	span := regexp.MustCompile("`([^`]+)`")
	for _, client := range clients {
		_, row, found := strings.Cut(table, ": `"+client.file+"` |")
		if !found {
			t.Errorf("%s is not in the table", client.file)
			continue
		}
		row, _, _ = strings.Cut(row, "\n")
		source, err := os.ReadFile(client.file)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range span.FindAllStringSubmatch(row, -1) {
			if !strings.Contains(string(source)+"\n"+client.refused+"\n"+client.ended, code[1]) {
				t.Errorf("%s neither has nor shows %s", client.file, code[1])
			}
		}
		// Of a browser and of these libraries, the server is asked again; the others have the reply.
		if asks := regexp.MustCompile(`urlopen|fetch\(|curl --silent "http`).Match(source); asks != strings.Contains(row, "| ask again |") {
			t.Errorf("that %s asks again is %v", client.file, asks)
		}
	}
	if rows := strings.Count(table, "\n| ") - 1; rows != len(clients) {
		t.Errorf("the table has %d rows, and there are %d clients", rows, len(clients))
	}
}
