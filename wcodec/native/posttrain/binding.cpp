// wcodec._posttrain: checks sizes, owns the scratch, releases the GIL. Its readable twin is wcodec.posttrain.reference.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <memory>

#include "obs.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

using ConstMatrix = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using ConstVector = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using SymbolMatrix = nb::ndarray<int32_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

void round_with_feedback(ConstMatrix weights, ConstMatrix feedback, ConstVector steps, SymbolMatrix out) {
    const size_t rows = weights.shape(0), columns = weights.shape(1);
    if (feedback.shape(0) != columns || feedback.shape(1) != columns || steps.shape(0) != rows ||
        out.shape(0) != rows || out.shape(1) != columns) {
        throw nb::value_error("the shapes do not fit one another");
    }
    std::unique_ptr<double[]> pending(new double[columns]);
    bool fits = false;
    {
        nb::gil_scoped_release unlocked;
        fits = wcz_round_with_feedback(weights.data(), rows, columns, feedback.data(), steps.data(), out.data(),
                                       pending.get());
    }
    if (!fits) {
        nb::object error = nb::module_::import_("wcodec.errors").attr("SymbolError");
        PyErr_SetString(error.ptr(), "symbol outside -(2**31 - 1) .. 2**31 - 1");
        throw nb::python_error();
    }
}

}  // namespace

NB_MODULE(_posttrain, module) {
    module.doc() = "Native inner loop of wcodec.posttrain; its readable twin is wcodec.posttrain.reference.";
    module.def("round_with_feedback", &round_with_feedback, "weights"_a.noconvert(), "feedback"_a.noconvert(),
               "steps"_a.noconvert(), "out"_a.noconvert());
}
