package main_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// No container engine is needed to see most of what can be wrong with a compose file.

type compose struct {
	Services map[string]composeService `yaml:"services"`
	Volumes  map[string]any            `yaml:"volumes"`
	Secrets  map[string]struct {
		File string `yaml:"file"`
	} `yaml:"secrets"`
}

type composeService struct {
	Image       string                       `yaml:"image"`
	Environment map[string]string            `yaml:"environment"`
	Volumes     []string                     `yaml:"volumes"`
	Ports       []string                     `yaml:"ports"`
	Secrets     []string                     `yaml:"secrets"`
	DependsOn   map[string]map[string]string `yaml:"depends_on"`
	Healthcheck map[string]any               `yaml:"healthcheck"`
	Build       *struct{ Dockerfile string } `yaml:"build"`
}

func TestComposeFileIsSound(t *testing.T) {
	t.Parallel()
	for _, problem := range composeProblems(t, readRoot(t, "docker-compose.yml"), readRoot(t, "compose.kurrent.yml")) {
		t.Error(problem)
	}
}

// Every check is shown a file with the mistake that it is there for.
func TestComposeChecksSeeMistakes(t *testing.T) {
	t.Parallel()
	for _, mistake := range []struct{ old, fresh, want string }{
		{"${ESDB_PORT:-2113}", "${ESDB_PORT}", "${ESDB_PORT} has no default"},
		{"127.0.0.1:${ESDB_PORT:-2113}:2113", "127.0.0.1:$ESDB_PORT:2113", "$ESDB_PORT has no default"},
		{"test: [CMD, /crm, health]", "disable: true", "crm has no health check"},
		{"test: [CMD, /crm, health]", "test: [CMD, /crm, helth]", "crm's health check runs [CMD /crm helth]"},
		{"  postgres-data: {}\n", "", "volume postgres-data of postgres is not declared"},
		{"- postgres-data:/var", "- ./data:/var", "volume ./data of postgres is not named"},
		{"- eventstore-logs:/var/log/eventstore", "- eventstore-data:/var/log/eventstore", "volume eventstore-logs is not used"},
		{"127.0.0.1:${CRM_PORT:-8080}:8080", "127.0.0.1:${CRM_PORT:-8081}:8080", "crm is published on 8081, not on the default 8080"},
		{"127.0.0.1:${CRM_PORT:-8080}:8080", "${CRM_PORT:-8080}:8080", "crm is published beyond this machine"},
		{"CRM_LISTEN: 0.0.0.0:8080", "CRM_LISTEN: 0.0.0.0:9000", "crm listens on 9000, which is not published"},
		{"esdb://eventstore:2113", "esdb://eventstore:1113", "CRM_EVENTSTORE points to eventstore:1113, which no service offers"},
		{"@postgres:5432", "@database:5432", "CRM_POSTGRES points to database:5432, which no service offers"},
		{"postgres://crm@", "postgres://crm:hunter2@", "CRM_POSTGRES of crm holds a password"},
		{"POSTGRES_PASSWORD_FILE: /run/secrets/postgres_password", "POSTGRES_PASSWORD: hunter2", "POSTGRES_PASSWORD of postgres is a secret"},
		{"CRM_KEY_FILE: /run/secrets/crm_keys", "CRM_KEY_FILE: /run/secrets/other", "CRM_KEY_FILE of crm names a secret that it is not given"},
		{":-.crm/compose/keys}", ":-.ci/keys}", "secret crm_keys lies in .ci/keys, which git does not ignore"},
		{"CRM_LOG_FORMAT: json", "CRM_LOG_FROMAT: json", "crm knows no CRM_LOG_FROMAT"},
		{"postgres: {condition: service_healthy}", "postgres: {condition: service_started}", "crm does not wait until postgres is healthy"},
		{"dockerfile: .ci/Dockerfile", "dockerfile: Dockerfile", "crm is built from Dockerfile, which is missing"},
	} {
		t.Run(mistake.want, func(t *testing.T) {
			t.Parallel()
			main := readRoot(t, "docker-compose.yml")
			if !strings.Contains(main, mistake.old) {
				t.Fatalf("%q is not in the file any more", mistake.old)
			}
			found := composeProblems(t, strings.Replace(main, mistake.old, mistake.fresh, 1), readRoot(t, "compose.kurrent.yml"))
			if !slices.Contains(found, mistake.want) {
				t.Errorf("not found; found %q", found)
			}
		})
	}
	for _, mistake := range []struct{ old, fresh, want string }{
		{"  eventstore:\n", "  kurrentdb:\n", "the override changes kurrentdb, which is no service"},
		{"KURRENTDB_INSECURE", "EVENTSTORE_INSECURE", "the override says EVENTSTORE_INSECURE, an old name"},
		{"  kurrentdb-logs: {}\n", "", "volume kurrentdb-logs of eventstore is not declared"},
		{"${KURRENTDB_IMAGE:-kurrentplatform/kurrentdb:26.0}", "${KURRENTDB_IMAGE}", "${KURRENTDB_IMAGE} has no default"},
	} {
		t.Run(mistake.want, func(t *testing.T) {
			t.Parallel()
			override := strings.Replace(readRoot(t, "compose.kurrent.yml"), mistake.old, mistake.fresh, 1)
			if found := composeProblems(t, readRoot(t, "docker-compose.yml"), override); !slices.Contains(found, mistake.want) {
				t.Errorf("not found; found %q", found)
			}
		})
	}
}

func composeProblems(t *testing.T, main, override string) []string {
	t.Helper()
	base := parseCompose(t, main)
	problems := slices.Concat(variables(main), variables(override))
	problems = append(problems, services(base)...)
	problems = append(problems, volumes(base)...)
	problems = append(problems, addresses(t, base)...)
	problems = append(problems, secrets(t, base)...)
	problems = append(problems, overriding(base, parseCompose(t, override))...)
	return problems
}

// parseCompose reads a file as compose does when no variable is set.
func parseCompose(t *testing.T, text string) compose {
	t.Helper()
	var c compose
	text = regexp.MustCompile(`\$\{\w+:-([^}]*)\}`).ReplaceAllString(text, "$1")
	text = strings.ReplaceAll(text, " !override", "") // compose's own; it says how to merge, not what
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func variables(text string) (problems []string) {
	text = regexp.MustCompile(`(?m)(^|\s)#.*$`).ReplaceAllString(text, "")
	for _, v := range regexp.MustCompile(`\$(\{[^}]*\}|\w+)`).FindAllString(text, -1) {
		if !regexp.MustCompile(`^\$\{[A-Z_]+:-[^}]+\}$`).MatchString(v) {
			problems = append(problems, v+" has no default")
		}
	}
	return problems
}

func services(c compose) (problems []string) {
	for name, s := range c.Services {
		check, _ := s.Healthcheck["test"].([]any)
		if len(check) < 2 || s.Healthcheck["interval"] == nil || s.Healthcheck["timeout"] == nil || s.Healthcheck["retries"] == nil {
			problems = append(problems, name+" has no health check")
		}
		if name == "crm" && len(check) > 0 && fmt.Sprint(check) != "[CMD /crm health]" {
			problems = append(problems, fmt.Sprintf("crm's health check runs %v", check))
		}
		for other, how := range s.DependsOn {
			if how["condition"] != "service_healthy" {
				problems = append(problems, fmt.Sprintf("%s does not wait until %s is healthy", name, other))
			}
		}
		if s.Build != nil {
			if _, err := os.Stat(filepath.Join(root, s.Build.Dockerfile)); err != nil {
				problems = append(problems, fmt.Sprintf("%s is built from %s, which is missing", name, s.Build.Dockerfile))
			}
		}
	}
	return problems
}

func volumes(c compose) (problems []string) {
	used := map[string]bool{}
	for service, s := range c.Services {
		for _, v := range s.Volumes {
			name, _, _ := strings.Cut(v, ":")
			used[name] = true
			if strings.ContainsAny(name, "./~") {
				problems = append(problems, fmt.Sprintf("volume %s of %s is not named", name, service))
			} else if _, ok := c.Volumes[name]; !ok {
				problems = append(problems, fmt.Sprintf("volume %s of %s is not declared", name, service))
			}
		}
	}
	for name := range c.Volumes {
		if !used[name] {
			problems = append(problems, fmt.Sprintf("volume %s is not used", name))
		}
	}
	return problems
}

func addresses(t *testing.T, c compose) (problems []string) {
	t.Helper()
	published := map[string]string{} // by service:port within, the port without
	for name, s := range c.Services {
		for _, p := range s.Ports {
			part := strings.Split(p, ":")
			if len(part) != 3 || part[0] != "127.0.0.1" {
				problems = append(problems, name+" is published beyond this machine")
				continue
			}
			published[name+":"+part[2]] = part[1]
		}
	}
	crm := c.Services["crm"].Environment
	for _, variable := range []string{"CRM_EVENTSTORE", "CRM_POSTGRES"} {
		to, err := url.Parse(crm[variable])
		if err != nil || published[to.Host] == "" {
			problems = append(problems, fmt.Sprintf("%s points to %s, which no service offers", variable, to.Host))
		}
	}
	known := tags(t)
	for variable := range crm {
		if _, ok := known[variable]; !ok && strings.HasPrefix(variable, "CRM_") {
			problems = append(problems, "crm knows no "+variable)
		}
	}
	listen := port(crm["CRM_LISTEN"])
	if published["crm:"+listen] == "" {
		return append(problems, fmt.Sprintf("crm listens on %s, which is not published", listen))
	}
	// What the README and the subcommands that are clients take for granted.
	if want := port(known["CRM_LISTEN"]); published["crm:"+listen] != want {
		problems = append(problems, fmt.Sprintf("crm is published on %s, not on the default %s", published["crm:"+listen], want))
	}
	if want := port(known["CRM_SERVER"]); want != listen {
		problems = append(problems, fmt.Sprintf("crm listens on %s, and its health check asks on %s", listen, want))
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	offered := slices.Collect(maps.Values(published))
	for _, m := range regexp.MustCompile(`(?:127\.0\.0\.1|localhost):(\d+)`).FindAllStringSubmatch(string(readme), -1) {
		if !slices.Contains(offered, m[1]) {
			problems = append(problems, fmt.Sprintf("the README says %s, and nothing is published there", m[0]))
		}
	}
	return problems
}

func port(address string) string { return address[strings.LastIndex(address, ":")+1:] }

func secrets(t *testing.T, c compose) (problems []string) {
	t.Helper()
	for service, s := range c.Services {
		for name, value := range s.Environment {
			if u, err := url.Parse(value); err == nil && u.User != nil {
				if _, has := u.User.Password(); has {
					problems = append(problems, fmt.Sprintf("%s of %s holds a password", name, service))
				}
			}
			if !regexp.MustCompile(`PASS|SECRET|KEY|TOKEN`).MatchString(name) {
				continue
			}
			held, ok := strings.CutPrefix(value, "/run/secrets/")
			if !ok {
				problems = append(problems, fmt.Sprintf("%s of %s is a secret", name, service))
			} else if !slices.Contains(s.Secrets, held) {
				problems = append(problems, fmt.Sprintf("%s of %s names a secret that it is not given", name, service))
			}
		}
		for _, name := range s.Secrets {
			if c.Secrets[name].File == "" {
				problems = append(problems, fmt.Sprintf("secret %s of %s has no file", name, service))
			}
		}
	}
	ignored := strings.Split(readRoot(t, ".gitignore"), "\n")
	for name, s := range c.Secrets {
		if top, _, _ := strings.Cut(s.File, "/"); !slices.Contains(ignored, "/"+top+"/") {
			problems = append(problems, fmt.Sprintf("secret %s lies in %s, which git does not ignore", name, s.File))
		}
	}
	return problems
}

func overriding(base, over compose) (problems []string) {
	names := func(environment map[string]string, prefix string) (names []string) {
		for name := range environment {
			if short, ok := strings.CutPrefix(name, prefix); ok {
				names = append(names, short)
			} else {
				problems = append(problems, fmt.Sprintf("the override says %s, an old name", name))
			}
		}
		return slices.Sorted(slices.Values(names))
	}
	for name, s := range over.Services {
		was, ok := base.Services[name]
		if !ok {
			problems = append(problems, fmt.Sprintf("the override changes %s, which is no service", name))
			continue
		}
		if diff := cmp.Diff(names(was.Environment, "EVENTSTORE_"), names(s.Environment, "KURRENTDB_")); diff != "" {
			problems = append(problems, "the override has other settings (-base +override):\n"+diff)
		}
	}
	return append(problems, volumes(over)...)
}

func TestDockerfileKeepsUp(t *testing.T) {
	t.Parallel()
	dockerfile := readRoot(t, ".ci/Dockerfile")
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(readRoot(t, "go.mod"))
	if version == nil || !strings.Contains(dockerfile, "golang:"+version[1]+"-") {
		t.Errorf("it does not build with the Go of go.mod, %v", version)
	}
	user := regexp.MustCompile(`(?m)^USER (\d+)`).FindAllStringSubmatch(dockerfile, -1)
	if len(user) == 0 || user[len(user)-1][1] == "0" {
		t.Errorf("it runs as root: %v", user)
	}
	ignore := readRoot(t, ".ci/Dockerfile.dockerignore")
	for room := range rooms(t) {
		if top, _, _ := strings.Cut(room, "/"); !strings.Contains(ignore, "\n!"+top+"\n") {
			t.Errorf("%s is kept from the build", top)
		}
	}
}

// tags returns the environment variables that crm knows, with their defaults,
// from the struct tags that are their only description.
func tags(t *testing.T) map[string]string {
	t.Helper()
	known := map[string]string{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok && field.Tag != nil {
				literal, err := strconv.Unquote(field.Tag.Value)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				tag := reflect.StructTag(literal)
				if variable := tag.Get("env"); variable != "" {
					known[variable] = tag.Get("default")
				}
			}
			return true
		})
	}
	return known
}

func readRoot(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
