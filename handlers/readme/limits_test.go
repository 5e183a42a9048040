package readme_test

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var (
	limitRow = regexp.MustCompile("(?m)^\\| [^|]* \\| ([\\d,]+)(?: (KiB|MiB|s|characters))? \\| `(\\w+)`(?: in `([\\w/]+\\.go)`)? \\|$")
	units    = map[string]int64{"": 1, "characters": 1, "KiB": 1 << 10, "MiB": 1 << 20, "s": int64(time.Second)}
)

// Each row names the constant or the setting that it is about.
func TestLimitsAreThoseOfTheCode(t *testing.T) {
	_, prose := parts(t)
	rows := limitRow.FindAllStringSubmatch(prose["Limits"], -1)
	if lines := strings.Count(prose["Limits"], "\n| ") - 1; len(rows) != lines || lines < 10 {
		t.Errorf("%d of %d rows can be read", len(rows), lines)
	}
	presets := presets(t)
	for _, row := range rows {
		shown, err := strconv.ParseInt(strings.ReplaceAll(row[1], ",", ""), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		shown *= units[row[2]]
		want, err := strconv.ParseInt(presets[row[3]], 10, 64)
		if row[4] != "" {
			want, err = value(t, row[3], row[4]), nil
		}
		if err != nil || shown != want {
			t.Errorf("%s is %d and not %d (%v)", row[3], want, shown, err)
		}
	}
}

var durations = strings.NewReplacer("time.Second", "1_000_000_000", "time.Minute", "60_000_000_000", "time.Hour", "3600_000_000_000")

// value is what a constant of a file is; a time is in nanoseconds.
func value(t *testing.T, name, file string) int64 {
	t.Helper()
	var found int64
	done := false
	ast.Inspect(parse(t, file), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != name || len(spec.Values) != 1 {
			return true
		}
		result, err := types.Eval(token.NewFileSet(), nil, token.NoPos, durations.Replace(types.ExprString(spec.Values[0])))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		found, done = constant.Int64Val(result.Value)
		return false
	})
	if !done {
		t.Fatalf("%s has no constant %s that can be told", file, name)
	}
	return found
}
