package main

import (
	"fmt"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

// monitored returns what the monitoring operator's types or Prometheus would not understand of an object.
func monitored(kind string, text []byte) ([]string, error) {
	switch kind {
	case "ServiceMonitor":
		return unknown(text, &monitoringv1.ServiceMonitor{}), nil
	case "PodMonitor":
		return unknown(text, &monitoringv1.PodMonitor{}), nil
	case "PrometheusRule":
		var rules monitoringv1.PrometheusRule
		if problems := unknown(text, &rules); problems != nil {
			return problems, nil
		}
		return expressions(&rules), nil
	default:
		return nil, fmt.Errorf("no check for this kind")
	}
}

// unknown returns the error of reading an object strictly into its type.
func unknown(text []byte, into any) []string {
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// expressions returns what Prometheus' parser says against the expressions of the rules.
func expressions(rules *monitoringv1.PrometheusRule) []string {
	var problems []string
	promql := parser.NewParser(parser.Options{})
	for _, group := range rules.Spec.Groups {
		for _, rule := range group.Rules {
			if _, err := promql.ParseExpr(rule.Expr.String()); err != nil {
				problems = append(problems, fmt.Sprintf("%s: %v", rule.Alert, err))
			}
		}
	}
	return problems
}
