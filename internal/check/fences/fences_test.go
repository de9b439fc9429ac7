package fences

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// made is the source of these files, each a name and the text after its package
// clause.
func made(t *testing.T, files ...string) source {
	t.Helper()
	all := fstest.MapFS{}
	for _, file := range files {
		name, text, _ := strings.Cut(file, " ")
		all[name] = &fstest.MapFile{Data: []byte("package p\n" + text)}
	}
	src, err := readSource(all)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func wantProblems(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

var threeFloors = []room{{"cellar", ""}, {"hall", "cellar"}, {"attic", "cellar"}, {"garden/...", "attic"}}

const ours = modulePath

func TestGoodHouse(t *testing.T) {
	wantProblems(t, checkHouse(threeFloors, made(t,
		`cellar/a.go import "os"`,
		`cellar/a_test.go import "`+ours+`attic"`, // tests may import what they need
		`hall/a.go import "`+ours+`cellar"`,
		`attic/a.go import "`+ours+`cellar"`,
		`attic/testdata/a.go import "`+ours+`garden"`,
		`.git/a.go import "`+ours+`garden"`,
		`garden/a.go import "`+ours+`garden/internal/shed"`,
		`garden/internal/shed/a.go import "`+ours+`attic"`,
	)))
}

func TestImportUpwards(t *testing.T) {
	wantProblems(t, checkHouse(threeFloors[:2], made(t,
		`cellar/a_windows.go import ("os"; "`+ours+`hall")`,
		`hall/a.go import "`+ours+`cellar"`,
	)), "cellar/a_windows.go:2: cellar imports hall, which is above it: pass what it needs in as an argument or a small interface, or move the code to a package above both")
}

func TestImportNotInRow(t *testing.T) {
	wantProblems(t, checkHouse(threeFloors[:3], made(t,
		`cellar/a.go `,
		`hall/a.go import "`+ours+`cellar"`,
		"attic/a.go \nimport x \""+ours+"cellar\"\nimport _ \""+ours+"hall\"",
	)), "attic/a.go:4: attic imports hall, which its row in internal/check/fences/house_test.go does not name: do without it, or add it to the row and say why in the commit")
}

func TestPackageWithoutRow(t *testing.T) {
	wantProblems(t, checkHouse(threeFloors[:1], made(t, `cellar/a.go `, `cellar/wine/a.go `, `cellar/wine/b.go `)),
		"cellar/wine/a.go: the package cellar/wine has no row in internal/check/fences/house_test.go: add one, below the rows of all packages that it imports and above the rows of all that import it")
}

func TestStaleRows(t *testing.T) {
	wantProblems(t, checkHouse([]room{{"cellar", "hall"}, {"hall", "cellar"}, {"roof", ""}}, made(t, `cellar/a.go `, `hall/a.go `)),
		"internal/check/fences/house_test.go: the row of cellar names hall, which no row above it has: arrows point down",
		"internal/check/fences/house_test.go: hall does not import cellar: take that out of its row",
		"internal/check/fences/house_test.go: there is no package roof: take its row out")
}

func TestForeignModules(t *testing.T) {
	wantProblems(t, checkModules([]module{{"good.example/m", "cellar attic"}}, made(t,
		`cellar/a.go import ("good.example/m/part"; "net/http"; "`+ours+`hall")`,
		`hall/a.go import "good.example/m"`,
		`hall/a_test.go import ("good.example/m"; "good.example/more")`,
		`bench/a.go import "fast.example"`,
	)),
		"hall/a.go:2: hall imports good.example/m, which is for cellar attic: use it through them, or add the package to the row in internal/check/fences/modules_test.go",
		"hall/a_test.go:2: good.example/more is of no module in internal/check/fences/modules_test.go: do without it, or add a row and give the reason in the commit",
		"internal/check/fences/modules_test.go: attic does not import good.example/m: take it out of the row")
}

func TestBanned(t *testing.T) {
	rules := []ban{
		{what: "go", in: "hall", why: "quiet", except: map[string]string{"hall/b.go": "r", "hall/c.go": "r"}},
		{what: "sync.*", but: "sync.Pool", in: "hall/...", why: "no locks"},
		{what: "math/rand/v2.IntN os", in: "hall", why: "no dice"},
	}
	wantProblems(t, checkBans(rules, made(t,
		"hall/a.go import (dice \"math/rand/v2\"; \"sync\"; \"os\")\nvar n = dice.IntN(dice.N(6))\nvar p sync.Pool\nfunc f() {\n\tgo f()\n}",
		`hall/b.go func g() { go g() }`,
		`hall/c.go func g() { g() }`,
		`hall/a_test.go func g() { go g() }`,
		`hall/door/a.go import "sync"; var m sync.Mutex; func h() { go h() }`,
		`cellar/a.go import "os"; func h() { go h() }`,
	)),
		"hall/a.go:2: os is not for hall: no dice. An exception needs a reason in internal/check/fences/bans_test.go",
		"hall/a.go:3: math/rand/v2.IntN is not for hall: no dice. An exception needs a reason in internal/check/fences/bans_test.go",
		"hall/a.go:6: a go statement is not for hall: quiet. An exception needs a reason in internal/check/fences/bans_test.go",
		"hall/door/a.go:2: sync.Mutex is not for hall/door: no locks. An exception needs a reason in internal/check/fences/bans_test.go",
		`internal/check/fences/bans_test.go: hall/c.go does not need its exception from "go": take it out`)
}

func TestSourceThatIsNotGo(t *testing.T) {
	if _, err := readSource(fstest.MapFS{"a/a.go": {Data: []byte("package")}}); err == nil {
		t.Error("no error")
	}
}
