// Command judge reads Kubernetes manifests (YAML documents) from standard input and gives the verdict of the
// software that will read them in a cluster: the API server's own Pod Security check, level "restricted", for every
// object that makes pods; the monitoring operator's types, unknown fields refused; Prometheus' parser for every
// expression. It prints one JSON object a judged object and ends with 1 when any of them has a problem.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// object is what all manifests have in common.
type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
}

// verdict is what is said of one object; without problems it passes.
type verdict struct {
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`
	Checked  string   `json:"checked"`
	Problems []string `json:"problems"`
}

func main() {
	failed, err := run(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "judge:", err)
		os.Exit(2)
	}
	if failed {
		os.Exit(1)
	}
}

// run judges each document of in and writes the verdicts to out; it says whether any object has a problem.
func run(in io.Reader, out io.Writer) (failed bool, err error) {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(in))
	lines := json.NewEncoder(out)
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return failed, nil
		}
		if err != nil {
			return failed, err
		}
		var head object
		if err := yaml.Unmarshal(text, &head); err != nil {
			return failed, fmt.Errorf("not a manifest: %w", err)
		}
		checked, problems, err := judge(head, text)
		if err != nil {
			return failed, fmt.Errorf("%s %s: %w", head.Kind, head.Metadata.Name, err)
		}
		if checked == "" {
			continue
		}
		failed = failed || len(problems) > 0
		if problems == nil {
			problems = []string{}
		}
		if err := lines.Encode(verdict{head.Kind, head.Metadata.Name, checked, problems}); err != nil {
			return failed, err
		}
	}
}

// judge picks the check for an object; an empty "checked" means there is none.
func judge(head object, text []byte) (checked string, problems []string, err error) {
	switch {
	case makesPods[head.Kind]:
		problems, err = restricted(head.Kind, text)
		return "restricted", problems, err
	case head.APIVersion == "monitoring.coreos.com/v1":
		problems, err = monitored(head.Kind, text)
		return "monitoring", problems, err
	default:
		return "", nil, nil
	}
}
