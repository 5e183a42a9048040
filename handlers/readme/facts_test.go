package readme_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/handshake/handlers"
	"example.com/handshake/handlers/hub"
	"example.com/handshake/middleware"
	"example.com/handshake/migrations"
	"example.com/handshake/models"
)

const root = "../.."

// recipe is the section whose names exist only once it has been followed. Package yours does that.
const recipe = "Make it yours"

var spans = regexp.MustCompile("`([^`]+)`")

// named returns what stands between backticks, in lines that were joined.
func named(prose string) (all []string) {
	for _, span := range spans.FindAllStringSubmatch(joined(prose), -1) {
		all = append(all, span[1])
	}
	return all
}

func joined(prose string) string { return strings.Join(strings.Fields(prose), " ") }

// aPath is the name of a file or folder, unless it begins as an address of a module does, or a package of Go's own.
var aPath = regexp.MustCompile(`^[\w.-]+(/[\w.-]+)*(/|\.(go|js|mjs|py|sql|html|yaml|yml|md|example|ini|conf)|/[\w-]+)$|^LICENSE$|^Dockerfile$`)
var aPackage = regexp.MustCompile(`^\w[\w-]*\.[\w.]+/|^encoding/|^net/`)

// folders are where a section's files are, where it says so once for all of them.
var folders = map[string]string{"Clients": "handlers/clients"}

func TestNamedFilesExist(t *testing.T) {
	blocks, prose := parts(t)
	saved := map[string]bool{}
	for _, b := range blocks {
		if first, _, _ := strings.Cut(b.text, "\n"); strings.HasPrefix(first, "// ") || strings.HasPrefix(first, "# ") {
			saved[strings.TrimLeft(first, "/# ")] = true
		}
	}
	modules, ignored := read(t, "go.sum"), read(t, ".gitignore")
	count := 0
	for section, text := range prose {
		if section == recipe {
			continue
		}
		for line := range strings.Lines(text) {
			folder := folders[section] // or of a row of the map
			for _, name := range named(line) {
				if !aPath.MatchString(name) || aPackage.MatchString(name) || saved[name] ||
					strings.Contains(ignored, "/"+name+"\n") || strings.Contains(modules, "/"+name) {
					continue
				}
				count++
				_, err := os.Stat(filepath.Join(root, name))
				if _, other := os.Stat(filepath.Join(root, folder, name)); err != nil && other != nil {
					t.Errorf("%s: %v", section, err)
				}
				if strings.HasPrefix(line, "| `") && strings.HasSuffix(name, "/") && folder == "" {
					folder = name
				}
			}
		}
	}
	if count < 30 {
		t.Errorf("only %d names of files were found", count)
	}
}

func TestMapHasEveryFolder(t *testing.T) {
	_, prose := parts(t)
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	ignored := read(t, ".gitignore")
	for _, entry := range entries {
		name := entry.Name()
		if !entry.IsDir() || strings.HasPrefix(name, ".") || strings.Contains(ignored, name+"/\n") {
			continue
		}
		if !strings.Contains(prose["The map"], "\n| `"+name+"/` |") {
			t.Errorf("%s is not in the map", name)
		}
	}
}

var (
	inFile = regexp.MustCompile("((?:`\\w+`(?:,| and) )*)`(\\w+)` in `([\\w/]+\\.go)`")
	mapRow = regexp.MustCompile("(?m)^\\| `([\\w/]+\\.go)` \\|.*\\| `(\\w+)` \\|$")
)

func TestNamedFunctionsExist(t *testing.T) {
	_, prose := parts(t)
	count := 0
	check := func(file, name string) {
		count++
		if !slices.Contains(declared(t, file), name) {
			t.Errorf("%s declares no %s", file, name)
		}
	}
	for section, text := range prose {
		if section == recipe {
			continue
		}
		for _, found := range inFile.FindAllStringSubmatch(joined(text), -1) {
			check(found[3], found[2])
			for _, other := range spans.FindAllStringSubmatch(found[1], -1) {
				check(found[3], other[1])
			}
		}
		for _, row := range mapRow.FindAllStringSubmatch(text, -1) {
			check(row[1], row[2])
		}
	}
	if count < 25 {
		t.Errorf("only %d names were found", count)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// declared are the names that a file declares at its top level, and its methods.
func declared(t *testing.T, file string) (names []string) {
	t.Helper()
	for _, declaration := range parse(t, file).Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			names = append(names, d.Name.Name)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					names = append(names, s.Name.Name)
				case *ast.ValueSpec:
					for _, name := range s.Names {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return names
}

var aRoute = regexp.MustCompile(`^(?:(GET|POST|DELETE) )?(/(?:api|ws|livez|readyz|static|openapi)[^ ?]*)`)

func TestNamedRoutesExist(t *testing.T) {
	_, prose := parts(t)
	routes := routes(t)
	count := 0
	for section, text := range prose {
		if section == recipe {
			continue
		}
		for _, name := range named(text) {
			found := aRoute.FindStringSubmatch(name)
			if found == nil {
				continue
			}
			count++
			if !slices.ContainsFunc(routes, func(r gin.RouteInfo) bool {
				return (found[1] == "" || found[1] == r.Method) && sameRoute(r.Path, found[2])
			}) {
				t.Errorf("%s: there is no route for %s", section, name)
			}
		}
	}
	if count < 2 {
		t.Errorf("only %d routes were found", count)
	}
}

// sameRoute compares a path, or the beginning of some, with the pattern of a route.
func sameRoute(pattern, path string) bool {
	if strings.HasSuffix(path, "/") && strings.HasPrefix(pattern, path) {
		return true
	}
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	for i, part := range want {
		switch {
		case strings.HasPrefix(part, "*"):
			return true
		case i >= len(got), !strings.HasPrefix(part, ":") && part != got[i]:
			return false
		}
	}
	return len(want) == len(got)
}

func routes(t *testing.T) gin.RoutesInfo {
	t.Helper()
	db, err := models.Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), migrations.Check, migrations.Apply)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	app, err := handlers.New(db, hub.New(hub.Options{Now: time.Now, Log: log}), handlers.Options{
		JWTSecret: make([]byte, middleware.MinSecretBytes), AccessTokenTTL: time.Minute, Now: time.Now, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return app.Handler.(*gin.Engine).Routes()
}

// presets are the settings with their defaults. A test of the program holds .env.example against it.
func presets(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^#([A-Z_]+)=(.*)$`).FindAllStringSubmatch(read(t, ".env.example"), -1) {
		found[line[1]] = line[2]
	}
	return found
}

func TestNamedSettingsExist(t *testing.T) {
	presets := presets(t)
	text := strings.ReplaceAll(readme(t), "AF_INET", "") // systemd's word
	names := regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)+\b`).FindAllString(text, -1)
	for _, name := range names {
		if _, ok := presets[name]; !ok && !strings.HasPrefix(name, "HANDSHAKE_") && name != "CGO_ENABLED" {
			t.Errorf("there is no setting %s", name)
		}
	}
	if len(names) < 8 {
		t.Errorf("only %d settings were found", len(names))
	}
	if presets["ADDR"] != "127.0.0.1:8080" || !strings.Contains(readme(t), "http://"+presets["ADDR"]) {
		t.Errorf("the server listens at %s", presets["ADDR"])
	}
}

// Every way in has its row, in the order in which they decide; the header has the text above.
func TestWaysInAreThoseOfTheGate(t *testing.T) {
	_, prose := parts(t)
	var ways []string
	for _, row := range regexp.MustCompile(`(?m)^\| (\w+) \| .*WebSocket`).FindAllStringSubmatch(prose["Four ways to bring a JWT to a handshake"], -1) {
		ways = append(ways, row[1])
	}
	if got := append([]string{"header"}, ways...); !slices.Equal(got, middleware.Sources) {
		t.Errorf("the README has %q and the gate %q", got, middleware.Sources)
	}
}

func TestDecisionsNameEveryDirectDependency(t *testing.T) {
	_, prose := parts(t)
	direct := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(read(t, "go.mod"), -1)
	for _, module := range direct {
		name := regexp.MustCompile(`^github\.com/|/v\d+$`).ReplaceAllString(module[1], "")
		if !strings.Contains(prose["Decisions"], "`"+name) {
			t.Errorf("%s is a dependency, and nothing says why", name)
		}
	}
	if len(direct) < 10 {
		t.Errorf("only %d dependencies were found", len(direct))
	}
	// What is named there must still be needed.
	modules := read(t, "go.mod")
	for _, name := range named(prose["Decisions"]) {
		if regexp.MustCompile(`^[\w.-]+/[\w./-]+\w$`).MatchString(name) && !strings.HasPrefix(name, "handlers/") &&
			!strings.HasPrefix(name, "encoding/") && !strings.Contains(modules, name) {
			t.Errorf("%s is not in go.mod", name)
		}
	}
}

func TestVersionAndLicence(t *testing.T) {
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))[1]
	if want := "Go " + version + " is all that"; !strings.Contains(readme(t), want) {
		t.Errorf("the README does not say %q", want)
	}
	kind, _, _ := strings.Cut(read(t, "LICENSE"), " License")
	if want := "## Licence\n\n" + kind + ", see `LICENSE`."; !strings.Contains(readme(t), want) {
		t.Errorf("the README does not say %q", want)
	}
}

// Figures that stand in a sentence and not in the table of limits.
func TestFiguresInProse(t *testing.T) {
	text := joined(readme(t))
	commonest := strings.Count(read(t, "models/common_passwords.txt"), "\n")
	argon := regexp.MustCompile(`Memory: (\d+) \* 1024, Iterations: (\d+),`).FindStringSubmatch(read(t, "models/password.go"))
	passes := map[string]string{"1": "one pass", "2": "two passes", "3": "three passes"}[argon[2]]
	for _, want := range []string{
		fmt.Sprintf("works once, for %d s |", value(t, "ticketLife", "handlers/ticket.go")/int64(time.Second)),
		fmt.Sprintf("The %d,%03d commonest of at least %d characters", commonest/1000, commonest%1000, value(t, "minPasswordCharacters", "handlers/account.go")),
		argon[1] + " MiB and " + passes,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the README does not say %q", want)
		}
	}
}
