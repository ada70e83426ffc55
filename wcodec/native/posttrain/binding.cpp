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

void require(bool fit) {
    if (!fit) {
        throw nb::value_error("the shapes do not fit one another");
    }
}

void require_symbols(bool fits) {
    if (!fits) {
        nb::object error = nb::module_::import_("wcodec.errors").attr("SymbolError");
        PyErr_SetString(error.ptr(), "symbol outside -(2**31 - 1) .. 2**31 - 1");
        throw nb::python_error();
    }
}

void round_with_feedback(ConstMatrix weights, ConstMatrix feedback, ConstVector steps, SymbolMatrix out) {
    const size_t rows = weights.shape(0), columns = weights.shape(1);
    require(feedback.shape(0) == columns && feedback.shape(1) == columns && steps.shape(0) == rows &&
            out.shape(0) == rows && out.shape(1) == columns);
    std::unique_ptr<double[]> pending(new double[columns]);
    bool fits = false;
    {
        nb::gil_scoped_release unlocked;
        fits = wcz_round_with_feedback(weights.data(), rows, columns, feedback.data(), steps.data(), out.data(),
                                       pending.get());
    }
    require_symbols(fits);
}

void search_with_feedback(ConstMatrix weights, ConstMatrix feedback, ConstVector steps, ConstVector column_weights,
                          double rate, ConstVector bits, size_t paths, SymbolMatrix out) {
    const size_t rows = weights.shape(0), columns = weights.shape(1), room = wcz_search_room(columns, paths);
    require(feedback.shape(0) == columns && feedback.shape(1) == columns && steps.shape(0) == rows &&
            column_weights.shape(0) == columns && out.shape(0) == rows && out.shape(1) == columns);
    if (bits.shape(0) == 0 || (columns && !room)) {
        throw nb::value_error("no code lengths, or a number of paths outside 1..64");
    }
    std::unique_ptr<double[]> scratch(new double[room / sizeof(double) + 1]);
    const wcz_search_cost cost = {column_weights.data(), rate, bits.data(), bits.shape(0)};
    bool fits = false;
    {
        nb::gil_scoped_release unlocked;
        fits = wcz_search_with_feedback(weights.data(), rows, columns, feedback.data(), steps.data(), &cost, paths,
                                        out.data(), scratch.get());
    }
    require_symbols(fits);
}

}  // namespace

NB_MODULE(_posttrain, module) {
    module.doc() = "Native inner loop of wcodec.posttrain; its readable twin is wcodec.posttrain.reference.";
    module.def("round_with_feedback", &round_with_feedback, "weights"_a.noconvert(), "feedback"_a.noconvert(),
               "steps"_a.noconvert(), "out"_a.noconvert());
    module.def("search_with_feedback", &search_with_feedback, "weights"_a.noconvert(), "feedback"_a.noconvert(),
               "steps"_a.noconvert(), "column_weights"_a.noconvert(), "rate"_a, "bits"_a.noconvert(), "paths"_a,
               "out"_a.noconvert());
}
