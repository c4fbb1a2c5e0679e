package main

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

var makesPods = map[string]bool{
	"Pod": true, "Deployment": true, "StatefulSet": true, "DaemonSet": true, "Job": true, "CronJob": true,
}

// restricted returns what the Pod Security level "restricted", in its newest version, forbids of an object's pods.
func restricted(kind string, text []byte) ([]string, error) {
	meta, spec, err := podOf(kind, text)
	if err != nil {
		return nil, err
	}
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return nil, err
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	var problems []string
	for _, result := range evaluator.EvaluatePod(level, meta, spec) {
		if !result.Allowed {
			problems = append(problems, fmt.Sprintf("%s: %s", result.ForbiddenReason, result.ForbiddenDetail))
		}
	}
	return problems, nil
}

// podOf returns the pod, or pod template, of an object.
func podOf(kind string, text []byte) (*metav1.ObjectMeta, *corev1.PodSpec, error) {
	var template corev1.PodTemplateSpec
	var err error
	switch kind {
	case "Pod":
		var pod corev1.Pod
		err = yaml.UnmarshalStrict(text, &pod)
		template = corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}
	case "Deployment":
		var owner appsv1.Deployment
		err = yaml.UnmarshalStrict(text, &owner)
		template = owner.Spec.Template
	case "StatefulSet":
		var owner appsv1.StatefulSet
		err = yaml.UnmarshalStrict(text, &owner)
		template = owner.Spec.Template
	case "DaemonSet":
		var owner appsv1.DaemonSet
		err = yaml.UnmarshalStrict(text, &owner)
		template = owner.Spec.Template
	case "Job":
		var owner batchv1.Job
		err = yaml.UnmarshalStrict(text, &owner)
		template = owner.Spec.Template
	case "CronJob":
		var owner batchv1.CronJob
		err = yaml.UnmarshalStrict(text, &owner)
		template = owner.Spec.JobTemplate.Spec.Template
	}
	return &template.ObjectMeta, &template.Spec, err
}
